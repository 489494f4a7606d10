/* hold FILE: has the file open as an editor does, which lets others write to it but not rename it, until a byte comes
   in. hold FILE follow: as a program that follows a log, which lets others rename it, too. */
#include <stdio.h>
#include <windows.h>

int wmain(int argc, wchar_t **argv)
{
    HANDLE file;
    DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE;

    if (argc < 2)
        return 2;
    if (argc > 2)
        share |= FILE_SHARE_DELETE;
    file = CreateFileW(argv[1], GENERIC_READ, share, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        fprintf(stderr, "error %lu\n", GetLastError());
        return 1;
    }
    puts("open");
    fflush(stdout);
    getchar();
    CloseHandle(file);
    return 0;
}
