package torture

import "fmt"

// The world of the torture. What moves is the money, and it stays within.
const (
	Accounts  = 8
	Start     = 100 // on every account
	Total     = Accounts * Start
	Lists     = 4
	RingSize  = 16
	Registers = 4
)

// schema returns the statements that create and fill the tables. The log has no unique
// index, so that what is done twice is seen twice.
func schema() []string {
	all := []string{
		`create table account (id int primary key, balance bigint not null)`,
		`create table happened (req varchar(64) not null, attempt int not null, run char(32) not null,
			kind varchar(16) not null, src int not null, dst int not null, amount bigint not null)`,
		`create table list_head (id int primary key, n int not null)`,
		`create table list_item (list int not null, pos int not null, req varchar(64) not null)`,
		`create index list_item_list on list_item (list)`,
		`create table ring (id int primary key, succ int not null)`,
		`create table register (id int primary key, val bigint not null)`,
	}
	fill := func(table string, n int, value func(i int) int) {
		for i := range n {
			all = append(all, fmt.Sprintf(`insert into %s values (%d, %d)`, table, i, value(i)))
		}
	}
	fill("account", Accounts, func(int) int { return Start })
	fill("list_head", Lists, func(int) int { return 0 })
	fill("ring", RingSize, func(i int) int { return (i + 1) % RingSize })
	fill("register", Registers, func(int) int { return 0 })
	return all
}
