package sqladapter

import (
	"slices"

	"github.com/reprise-go/reprise/retryable"
)

// savepoint is one that the handler made, with the AfterCommit functions
// registered before it.
type savepoint struct {
	name  string
	hooks int
}

func (w *work) makeSavepoint(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.savepoints = append(w.savepoints, savepoint{name, w.c.HookMark()})
}

// rolledBackTo drops what came after a savepoint, and forgives.
func (w *work) rolledBackTo(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := w.lastSavepoint(name); i >= 0 {
		w.c.DropHooks(w.savepoints[i].hooks)
		w.savepoints = w.savepoints[:i+1]
	}
	if retryable.ReasonOf(w.cause) == retryable.LockTimeout {
		w.cause = nil
	}
	w.c.Forgive()
}

// released forgets a savepoint, and those after it: one of the same name before it
// counts again.
func (w *work) released(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := w.lastSavepoint(name); i >= 0 {
		w.savepoints = w.savepoints[:i]
	}
}

func (w *work) lastSavepoint(name string) int {
	for i, sp := range slices.Backward(w.savepoints) {
		if sp.name == name {
			return i
		}
	}
	return -1
}
