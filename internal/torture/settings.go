package torture

// StormSettings are those of servers in storms: like any operator's, they do not keep
// for ever the locks of a client whose network went silent.
func StormSettings(e Engine) map[string]string {
	if e == MariaDB {
		return map[string]string{"idle_transaction_timeout": "3"}
	}
	return map[string]string{"idle_in_transaction_session_timeout": "3s"}
}
