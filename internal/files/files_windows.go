package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
)

func open(path string, flag int, mode fs.FileMode) (*os.File, error) {
	f, err := create(path, flag, protected("", services(filepath.Dir(path), windows.OBJECT_INHERIT_ACE)))
	if !errors.Is(err, fs.ErrExist) || flag&os.O_EXCL != 0 {
		return f, err
	}
	return os.OpenFile(path, flag&^os.O_CREATE, mode)
}

// openLike makes a file for those who may read the old one, if there is an old one.
func openLike(old, path string, mode fs.FileMode) (*os.File, error) {
	sd, err := windows.GetNamedSecurityInfo(old, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	switch {
	case err != nil && isOpen(mode):
		return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	case err != nil:
		return open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	case isOpen(mode):
		return create(path, 0, sd.String())
	}
	return create(path, 0, protected("", kept(sd)))
}

// create makes the file in one call with its ACL, given as SDDL; os.OpenFile cannot. Like that it lets others read and
// write, not delete, while it is open.
func create(path string, flag int, sddl string) (*os.File, error) {
	name, attributes, err := arguments(path, sddl)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	access := uint32(windows.FILE_GENERIC_READ | windows.FILE_GENERIC_WRITE)
	if flag&os.O_APPEND != 0 {
		access &^= windows.FILE_WRITE_DATA
	}
	h, err := windows.CreateFile(name, access, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, attributes,
		windows.CREATE_NEW, windows.FILE_ATTRIBUTE_NORMAL|uint32(flag)&windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

func mkdir(path string, mode fs.FileMode) error {
	let := services(filepath.Dir(path), windows.CONTAINER_INHERIT_ACE)
	name, attributes, err := arguments(path, protected("OICI", let))
	if err == nil {
		err = windows.CreateDirectory(name, attributes)
	}
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

func mkdirAll(path string, mode fs.FileMode) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if up := filepath.Dir(path); up != path {
		if err := mkdirAll(up, mode); err != nil {
			return err
		}
	}
	err := mkdir(path, mode)
	if info, failed := os.Stat(path); failed == nil && info.IsDir() {
		return nil // another made it meanwhile
	}
	return err
}

func protect(f *os.File, _ fs.FileMode) error {
	if who, err := withoutACL(f.Name()); who != "" || err != nil {
		return err
	}
	sd, err := windows.GetNamedSecurityInfo(f.Name(), windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err == nil {
		sd, err = windows.SecurityDescriptorFromString(protected("", kept(sd)))
	}
	if err == nil {
		err = setACL(f.Name(), sd)
	}
	if err != nil {
		return &fs.PathError{Op: "protect", Path: f.Name(), Err: err}
	}
	return nil
}

// rename and removal wait a little for a scanner or a backup that has the file open at this moment.
func rename(from, to string) error { return patiently(func() error { return os.Rename(from, to) }) }

func patiently(do func() error) error {
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		err := do()
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION) ||
			errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_DIR_NOT_EMPTY)
		if !busy || pause > time.Second {
			return err
		}
		time.Sleep(pause)
	}
}

// removeAll goes by name where the system does not know the kind of deletion that os.RemoveAll asks for: Wine, old
// file systems, network shares.
func removeAll(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		entries, err := os.ReadDir(path)
		for _, e := range entries {
			err = errors.Join(err, removeAll(filepath.Join(path, e.Name())))
		}
		if err != nil {
			return err
		}
	}
	err := patiently(func() error { return os.Remove(path) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
