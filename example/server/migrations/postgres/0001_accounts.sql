-- Money is in cents. What is in the accounts and in the takings together is all
-- the money there is: nothing in this service makes any or loses any.

create table accounts (
    name    text   primary key,
    balance bigint not null check (balance >= 0)
);
