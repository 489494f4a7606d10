package files

import (
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	everyone   = "S-1-1-0"
	ownService = "S-1-5-80-" // NT SERVICE\name: the account of one service alone

	allowedIf    = 9    // ACCESS_ALLOWED_CALLBACK_ACE: allowed under a condition, which is taken to hold
	deleteChild  = 0x40 // FILE_DELETE_CHILD
	readsFile    = windows.FILE_READ_DATA | windows.GENERIC_READ | windows.GENERIC_ALL
	takesOver    = windows.WRITE_DAC | windows.WRITE_OWNER | windows.DELETE | windows.GENERIC_ALL
	changesFile  = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.GENERIC_WRITE | takesOver
	changesFiles = deleteChild | takesOver // new files beside them do no harm
	mayRead      = windows.FILE_GENERIC_READ | windows.FILE_GENERIC_EXECUTE
	mayChange    = mayRead | windows.FILE_GENERIC_WRITE | windows.DELETE
)

// entry is a line of an ACL that allows something.
type entry struct {
	sid    string
	id     *windows.SID
	rights windows.ACCESS_MASK
	flags  uint8
}

// entries leaves out what is denied: its order decides, and who may too much is warned of rather than not.
func entries(sd *windows.SECURITY_DESCRIPTOR) ([]entry, error) {
	dacl, _, err := sd.DACL()
	if dacl == nil { // no list is no restriction
		id, failed := windows.StringToSid(everyone)
		if errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) {
			err = nil
		}
		return []entry{{sid: everyone, id: id, rights: windows.GENERIC_ALL}}, errors.Join(err, failed)
	}
	var list []entry
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &ace); err != nil {
			return nil, err
		}
		if ace.Header.AceType == windows.ACCESS_ALLOWED_ACE_TYPE || ace.Header.AceType == allowedIf {
			id := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
			list = append(list, entry{id.String(), id, ace.Mask, ace.Header.AceFlags})
		}
	}
	return list, nil
}

// protected is the ACL, as SDDL, of what has a secret. OICI as inherit says that it holds for all in a folder.
func protected(inherit string, more []entry) string {
	user := self()
	text := "D:P"
	if user != "" {
		text = "O:" + user + text
	} else {
		user = "OW" // owner rights
	}
	for _, account := range []string{user, "SY", "BA"} {
		text += fmt.Sprintf("(A;%s;FA;;;%s)", inherit, account)
	}
	for _, e := range more {
		text += fmt.Sprintf("(A;%s;0x%x;;;%s)", inherit, uint32(e.rights), e.sid)
	}
	return text
}

// self is the SID of the account that this process runs as.
func self() string {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return ""
	}
	return user.User.Sid.String()
}

// kept are the single accounts that a replaced file was open to. Groups are not kept: everybody is one of them.
func kept(sd *windows.SECURITY_DESCRIPTOR) []entry {
	list, err := entries(sd)
	if err != nil {
		return nil // the least rights then
	}
	return slices.DeleteFunc(list, func(e entry) bool {
		_, _, kind, err := e.id.LookupAccount("")
		single := isService(e.sid) || err == nil && kind == windows.SidTypeUser
		return !single || e.flags&windows.INHERIT_ONLY_ACE != 0
	})
}

// services are the accounts that the folder at dir lets into its files: the file that an administrator makes for a
// service must be readable by it.
func services(dir string, inherited uint8) []entry {
	sd, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return nil // the least rights then
	}
	list, err := entries(sd)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(list, func(e entry) bool {
		return !isService(e.sid) || e.flags&inherited == 0
	})
}

func arguments(path, sddl string) (*uint16, *windows.SecurityAttributes, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, nil, err
	}
	sd, err := windows.SecurityDescriptorFromString(sddl)
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	return name, sa, err
}

// setACL changes this file alone, and its inheritance as the descriptor says it.
func setACL(path string, sd *windows.SECURITY_DESCRIPTOR) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	h, err := windows.CreateFile(name, windows.WRITE_DAC, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil,
		windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return err
	}
	return errors.Join(windows.SetKernelObjectSecurity(h, windows.DACL_SECURITY_INFORMATION, sd),
		windows.CloseHandle(h))
}

func openTo(path string, info fs.FileInfo) (string, error) {
	if who, err := withoutACL(path); who != "" || err != nil {
		return who, err
	}
	list, err := others(path, info.IsDir())
	return told(list, info.IsDir()), err
}

// ChangeableBy is OpenTo without those who may only read, which everybody may with a program, and with an owner who is
// no administrator: he may change the list.
func ChangeableBy(path string) (who string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if who, err := withoutACL(path); who != "" || err != nil {
		return who, err
	}
	list, err := others(path, info.IsDir())
	list = slices.DeleteFunc(list, func(e entry) bool { return e.rights&changes(info.IsDir()) == 0 })
	id, failed := owner(path)
	if failed != nil {
		return "", errors.Join(err, failed)
	}
	if sid := id.String(); !trusted(sid) && sid != self() {
		list = append(list, entry{sid: sid, id: id, rights: windows.WRITE_DAC})
	}
	return told(list, info.IsDir()), err
}

func owner(path string) (*windows.SID, error) {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return nil, &fs.PathError{Op: "read the owner of", Path: path, Err: err}
	}
	id, _, err := sd.Owner()
	return id, err
}

func told(list []entry, folder bool) string {
	var who []string
	for _, e := range list {
		verb := " may read it"
		if e.rights&changes(folder) != 0 {
			verb = " may change it"
		}
		if said := e.name() + verb; !slices.Contains(who, said) {
			who = append(who, said)
		}
	}
	return strings.Join(who, ", ")
}

// closing keeps what a service was granted, which may come from the folder.
func closing(path string, folder bool) string {
	list, err := others(path, folder)
	if who, failed := withoutACL(path); err != nil || failed != nil || who != "" || len(list) == 0 {
		return "keep it on a drive with NTFS, in a folder that only the proxy's account may read"
	}
	command := `icacls "` + path + `" /inheritance:d /remove:g`
	for _, e := range list {
		if word := ` "*` + e.sid + `"`; !strings.Contains(command, word) {
			command += word
		}
	}
	return command
}

func changes(folder bool) windows.ACCESS_MASK {
	if folder {
		return changesFiles
	}
	return changesFile
}

// others are the lines of the ACL at path that let somebody in who should not be.
func others(path string, folder bool) ([]entry, error) {
	id, err := owner(path)
	if err != nil {
		return nil, err
	}
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return nil, &fs.PathError{Op: "read the ACL of", Path: path, Err: err}
	}
	return strangers(sd, []string{id.String(), self()}, folder)
}

func strangers(sd *windows.SECURITY_DESCRIPTOR, mine []string, folder bool) ([]entry, error) {
	list, err := entries(sd)
	rights := changes(folder)
	if !folder {
		rights |= readsFile
	}
	return slices.DeleteFunc(list, func(e entry) bool {
		return slices.Contains(mine, e.sid) || trusted(e.sid) || e.flags&windows.INHERIT_ONLY_ACE != 0 ||
			e.rights&rights == 0
	}), err
}

// withoutACL: FAT keeps none.
func withoutACL(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	name, err := windows.UTF16PtrFromString(full)
	if err != nil {
		return "", err
	}
	var root, system [windows.MAX_PATH + 1]uint16
	var flags uint32
	err = windows.GetVolumePathName(name, &root[0], uint32(len(root)))
	if err == nil {
		err = windows.GetVolumeInformation(&root[0], nil, 0, nil, nil, &flags, &system[0], uint32(len(system)))
	}
	if err != nil || flags&windows.FILE_PERSISTENT_ACLS != 0 {
		return "", err
	}
	return "everybody may change it: " + windows.UTF16ToString(system[:]) + " keeps no permissions", nil
}

// isService knows the account of one service by the five numbers of its name; S-1-5-80-0 is all of them.
func isService(sid string) bool {
	return strings.HasPrefix(sid, ownService) && strings.Count(sid[len(ownService):], "-") == 4
}

// trusted knows accounts by number, for their names are translated: SYSTEM, Administrators, creator and owner, the
// account of a service, and what a domain has for its administrators.
func trusted(sid string) bool {
	switch sid {
	case "S-1-5-18", "S-1-5-32-544", "S-1-3-0", "S-1-3-4":
		return true
	}
	last := sid[strings.LastIndexByte(sid, '-'):]
	return isService(sid) ||
		strings.HasPrefix(sid, "S-1-5-21-") && slices.Contains([]string{"-500", "-512", "-519"}, last)
}

func (e entry) name() string {
	account, domain, _, err := e.id.LookupAccount("")
	switch {
	case err != nil:
		return e.sid
	case domain == "":
		return account
	}
	return domain + `\` + account
}

// Grant lets an account read the file or folder at path with all that will be in it, or change it as well. Elsewhere
// owner and group say that.
func Grant(path, account string, change bool) error {
	id, err := lookUp(account)
	if err != nil {
		return fmt.Errorf("there is no account %s: %w", account, err)
	}
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return &fs.PathError{Op: "read the ACL of", Path: path, Err: err}
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	rights := windows.ACCESS_MASK(mayRead)
	if change {
		rights = mayChange
	}
	var pin runtime.Pinner
	pin.Pin(id)
	defer pin.Unpin()
	dacl, err = windows.ACLFromEntries([]windows.EXPLICIT_ACCESS{{
		AccessPermissions: rights,
		AccessMode:        windows.GRANT_ACCESS,
		Inheritance:       windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT,
		Trustee: windows.TRUSTEE{
			TrusteeForm:  windows.TRUSTEE_IS_SID,
			TrusteeValue: windows.TrusteeValueFromSID(id),
		},
	}}, dacl)
	if err == nil {
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION,
			nil, nil, dacl, nil)
	}
	if err != nil {
		return &fs.PathError{Op: "grant " + account, Path: path, Err: err}
	}
	return nil
}

// lookUp knows the SID of a service before the service is installed: it is made of the name alone.
func lookUp(account string) (*windows.SID, error) {
	name, service := strings.CutPrefix(account, `NT SERVICE\`)
	if !service {
		id, _, _, err := windows.LookupSID("", account)
		return id, err
	}
	var wide []byte
	for _, unit := range utf16.Encode([]rune(strings.ToUpper(name))) {
		wide = binary.LittleEndian.AppendUint16(wide, unit)
	}
	sum := sha1.Sum(wide)
	var part [5]any
	for i := range part {
		part[i] = binary.LittleEndian.Uint32(sum[4*i:])
	}
	return windows.StringToSid(ownService + fmt.Sprintf("%d-%d-%d-%d-%d", part[:]...))
}
