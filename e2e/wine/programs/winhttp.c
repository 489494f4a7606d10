/* winhttp get PROXY URL HEADER: an old program's call by WinHTTP, the proxy set by its code; prints status and answer.
   winhttp proxy [ADDRESS]: what "netsh winhttp set proxy" does, or "netsh winhttp reset proxy". */
#include <stdio.h>
#include <windows.h>
#include <winhttp.h>

static int fail(const char *what)
{
    fprintf(stderr, "%s: error %lu\n", what, GetLastError());
    return 1;
}

static int set(wchar_t *proxy)
{
    WINHTTP_PROXY_INFO info = {.dwAccessType = WINHTTP_ACCESS_TYPE_NO_PROXY};

    if (proxy) {
        info.dwAccessType = WINHTTP_ACCESS_TYPE_NAMED_PROXY;
        info.lpszProxy = proxy;
    }
    return WinHttpSetDefaultProxyConfiguration(&info) ? 0 : fail("proxy");
}

static int get(wchar_t *proxy, wchar_t *url, wchar_t *header)
{
    wchar_t host[256], path[1024];
    URL_COMPONENTS parts = {.dwStructSize = sizeof parts, .lpszHostName = host, .dwHostNameLength = 256,
        .lpszUrlPath = path, .dwUrlPathLength = 1024};
    HINTERNET session, connection, request;
    DWORD status = 0, length = sizeof status;
    char part[4096];

    if (!WinHttpCrackUrl(url, 0, 0, &parts))
        return fail("URL");
    session = WinHttpOpen(L"OldERP/4.2", WINHTTP_ACCESS_TYPE_NAMED_PROXY, proxy, NULL, 0);
    connection = WinHttpConnect(session, host, parts.nPort, 0);
    request = WinHttpOpenRequest(connection, L"GET", path, NULL, NULL, NULL,
        parts.nScheme == INTERNET_SCHEME_HTTPS ? WINHTTP_FLAG_SECURE : 0);
    if (!WinHttpSendRequest(request, header, -1, NULL, 0, 0, 0))
        return fail("send");
    if (!WinHttpReceiveResponse(request, NULL) || !WinHttpQueryHeaders(request,
            WINHTTP_QUERY_STATUS_CODE | WINHTTP_QUERY_FLAG_NUMBER, NULL, &status, &length, NULL))
        return fail("receive");
    printf("%lu\n", status);
    while (WinHttpReadData(request, part, sizeof part, &length) && length > 0)
        fwrite(part, 1, length, stdout);
    return 0;
}

int wmain(int argc, wchar_t **argv)
{
    if (argc == 5 && !wcscmp(argv[1], L"get"))
        return get(argv[2], argv[3], argv[4]);
    if (argc >= 2 && !wcscmp(argv[1], L"proxy"))
        return set(argv[2]); /* the list ends with NULL */
    return fail("see the first lines of winhttp.c");
}
