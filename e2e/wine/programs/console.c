/* console EVENT COMMAND: runs a command in a console of its own and, when a byte comes in, tells it of a console event:
   0 Ctrl-C, 1 Ctrl-Break, 2 the window is closed, 5 log-off, 6 shutdown. Its exit code is the command's. */
#include <stdio.h>
#include <windows.h>

static int fail(const char *what)
{
    fprintf(stderr, "%s: error %lu\n", what, GetLastError());
    return 99;
}

static BOOL WINAPI stay(DWORD event)
{
    (void)event;
    return TRUE; /* Ctrl-C reaches every program of the console, this one too */
}

/* Wine makes Ctrl-C alone. The others are made as the console host of Windows makes them: a thread in the program. */
static BOOL tell(HANDLE process, DWORD event)
{
    LPTHREAD_START_ROUTINE entry;

    if (event == CTRL_C_EVENT)
        return GenerateConsoleCtrlEvent(event, 0);
    entry = (LPTHREAD_START_ROUTINE)(void *)GetProcAddress(GetModuleHandleW(L"kernelbase"), "CtrlRoutine");
    return entry && CreateRemoteThread(process, NULL, 0, entry, (void *)(UINT_PTR)event, 0, NULL);
}

int wmain(int argc, wchar_t **argv)
{
    STARTUPINFOW start = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION child;
    HANDLE in = GetStdHandle(STD_INPUT_HANDLE);
    DWORD got, code = 99;
    char byte;

    if (argc != 3)
        return fail("two arguments are needed");
    start.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    start.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    FreeConsole();
    if (!AllocConsole() || !SetConsoleCtrlHandler(stay, TRUE))
        return fail("console");
    if (!CreateProcessW(NULL, argv[2], NULL, NULL, TRUE, 0, NULL, NULL, &start, &child))
        return fail("start");
    if (!ReadFile(in, &byte, 1, &got, NULL) || !tell(child.hProcess, _wtoi(argv[1]))) {
        fail("event");
        TerminateProcess(child.hProcess, 99);
    }
    WaitForSingleObject(child.hProcess, INFINITE);
    GetExitCodeProcess(child.hProcess, &code);
    return code;
}
