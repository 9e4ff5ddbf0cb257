package sqlserver

// Caveat implements dialect.Caveated. It goes when the conformance suite has run
// on a real server (LOCKSTEP_TEST_SQLSERVER_DSN).
func (*Dialect) Caveat() string {
	return "lockstep has not been verified against a real SQL Server yet, only against its documentation: try upgrades on a copy first; see docs/engines.md"
}
