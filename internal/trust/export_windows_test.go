package trust

import "golang.org/x/sys/windows"

// StoreOf is a store of the user, or of the machine, under another name than that of the roots. The one named like it
// with " refused" is that of refused certificates.
func StoreOf(machine bool, name string) Store {
	if machine {
		return systemStore{windows.CERT_SYSTEM_STORE_LOCAL_MACHINE, name, name + " refused"}
	}
	return systemStore{windows.CERT_SYSTEM_STORE_CURRENT_USER, name, name + " refused"}
}
