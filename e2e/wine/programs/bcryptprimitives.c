/* Go's runtime takes random numbers from ProcessPrng of bcryptprimitives.dll, which every Windows since 7 has and Wine
   before 9 has not. This library has that one function, by the generator that advapi32 gives. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(void *buffer, ULONG length); /* known as RtlGenRandom */

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *buffer, SIZE_T length)
{
    const ULONG most = 1 << 20;
    ULONG part;

    for (; length > 0; buffer += part, length -= part) {
        part = length < most ? (ULONG)length : most;
        if (!SystemFunction036(buffer, part))
            return FALSE;
    }
    return TRUE;
}
