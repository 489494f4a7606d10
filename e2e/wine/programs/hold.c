/* hold FILE: has the file open as an editor does, which lets others write to it but not rename it, until a byte comes
   in. */
#include <stdio.h>
#include <windows.h>

int wmain(int argc, wchar_t **argv)
{
    HANDLE file;

    if (argc != 2)
        return 2;
    file = CreateFileW(argv[1], GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
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
