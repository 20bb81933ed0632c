-- name: Balance :one
select balance from account where id = $1;

-- name: Open :exec
insert into account (owner, balance) values ($1, $2);

-- name: SetBalance :exec
update account set balance = $2 where id = $1;
