package mysqladapter

// Bound bounds a claim's wait for locks.
var Bound = bound
