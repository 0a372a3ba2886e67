package student

import "github.com/isotope-wm/isotope/watermark/registry"

// Accounts converts the accounts of a registry to the form that [Test.Trace] takes.
func Accounts(list []registry.Account) []Account {
	accounts := make([]Account, len(list))
	for i, a := range list {
		accounts[i] = Account{ID: a.ID, Cohort: a.Cohort, Scorer: a.Mark, Lane: a.Lane, Decoy: a.Decoy}
	}
	return accounts
}
