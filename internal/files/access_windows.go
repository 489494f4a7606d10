package files

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// writable asks for a handle that may add to the file, or files to the folder, and lets go of it.
func writable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	access := uint32(windows.FILE_APPEND_DATA)
	if info.IsDir() {
		access = windows.FILE_WRITE_DATA // FILE_ADD_FILE
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(name, access, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return &fs.PathError{Op: "write to", Path: path, Err: err}
	}
	return windows.CloseHandle(h)
}
