package doctor

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// systemProxies are those that Windows knows for programs. One that cannot be read is as good as none: they are hints.
func systemProxies() []systemProxy {
	found := []systemProxy{{"netsh winhttp show proxy", winHTTPProxy()}}
	const settings = `Software\Microsoft\Windows\CurrentVersion\Internet Settings`
	if k, err := registry.OpenKey(registry.CURRENT_USER, settings, registry.QUERY_VALUE); err == nil {
		defer k.Close()
		if on, _, err := k.GetIntegerValue("ProxyEnable"); err == nil && on == 1 {
			text, _, _ := k.GetStringValue("ProxyServer")
			found = append(found, systemProxy{"Internet Options of this user", text})
		}
	}
	return append(found, systemProxy{"HTTPS_PROXY", os.Getenv("HTTPS_PROXY")})
}

// winHTTPProxy is the machine's, for all programs that use WinHTTP; "" = none.
func winHTTPProxy() string {
	var info struct { // WINHTTP_PROXY_INFO
		access       uint32
		proxy, round *uint16
	}
	ask := windows.NewLazySystemDLL("winhttp.dll").NewProc("WinHttpGetDefaultProxyConfiguration")
	if ok, _, _ := ask.Call(uintptr(unsafe.Pointer(&info))); ok == 0 {
		return ""
	}
	text := windows.UTF16PtrToString(info.proxy)
	free := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalFree")
	for _, p := range []*uint16{info.proxy, info.round} {
		_, _, _ = free.Call(uintptr(unsafe.Pointer(p))) // as its documentation asks; nil is allowed
	}
	return text
}
