package dbproc

import (
	"cmp"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// Dirs returns the directories that match patterns, those with the highest
// version in their name first. A bad pattern matches nothing.
func Dirs(patterns []string) []string {
	var dirs []string
	for _, pattern := range patterns {
		found, _ := filepath.Glob(pattern) // fails on bad patterns only
		dirs = append(dirs, found...)
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	return dirs
}

var number = regexp.MustCompile(`\d+(\.\d+)?`)

// version is the last number in a path; 0 where there is none.
func version(dir string) float64 {
	all := number.FindAllString(dir, -1)
	if len(all) == 0 {
		return 0
	}
	v, _ := strconv.ParseFloat(all[len(all)-1], 64)
	return v
}
