package spool

// deleteOnClose is FILE_FLAG_DELETE_ON_CLOSE of CreateFile, which os.OpenFile passes on. The system closes what a
// process leaves open.
const deleteOnClose = 0x04000000

// unlink has nothing to do: an open file cannot lose its name here.
func unlink(string) error { return nil }
