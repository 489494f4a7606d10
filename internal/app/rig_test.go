package app_test

import (
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// rig is the shared one, with what the tests of this package ask of it.
type rig struct{ *apptest.Rig }

func newRig(t *testing.T, edit func(*fixture.Config)) *rig {
	t.Helper()
	return &rig{apptest.NewRig(t, edit)}
}

func newRigWith(t *testing.T, o sandbox.Options, edit func(*fixture.Config)) *rig {
	t.Helper()
	return &rig{apptest.NewRigWith(t, o, edit)}
}

func newRigEdited(
	t *testing.T, o sandbox.Options, edit func(*fixture.Config), change func(apptest.Section),
) *rig {
	t.Helper()
	return &rig{apptest.NewRigEdited(t, o, edit, change)}
}
