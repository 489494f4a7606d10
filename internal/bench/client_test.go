package main

import (
	"bufio"
	"strings"
	"testing"
)

func TestReadHead(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		want         head
		bad          bool
	}{
		{
			name:   "an answer with a length",
			answer: "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-Bench-Credential: bearer\r\n\r\n",
			want:   head{200, 12, bearerSeen},
		},
		{
			name: "a chunked answer", answer: "HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\n\r\n",
			want: head{401, -1, ""},
		},
		{name: "an answer without a body", answer: "HTTP/1.0 204 No Content\r\n\r\n", want: head{204, 0, ""}},
		{name: "something else than HTTP", answer: "SSH-2.0-OpenSSH_9.2\r\n\r\n", bad: true},
		{name: "a status that is no number", answer: "HTTP/1.1 2x0 OK\r\n\r\n", bad: true},
		{name: "a length that is no number", answer: "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", bad: true},
		{name: "a negative length", answer: "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", bad: true},
		{name: "a header without a colon", answer: "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n", bad: true},
		{name: "a head that breaks off", answer: "HTTP/1.1 200 OK\r\nContent-Le", bad: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readHead(bufio.NewReader(strings.NewReader(tt.answer)))
			if (err != nil) != tt.bad || !tt.bad && got != tt.want {
				t.Errorf("got %+v, %v; want %+v, bad %v", got, err, tt.want, tt.bad)
			}
		})
	}
}

func TestSkipBody(t *testing.T) {
	for _, tt := range []struct {
		name, body, rest string
		length           int64
		bad              bool
	}{
		{name: "a body of known length", length: 4, body: "abcdNEXT", rest: "NEXT"},
		{name: "chunks and their end", length: -1, body: "4\r\nabcd\r\nA\r\n0123456789\r\n0\r\n\r\nNEXT", rest: "NEXT"},
		{name: "a body that breaks off", length: 9, body: "abcd", bad: true},
		{name: "a chunk size that is no number", length: -1, body: "four\r\nabcd\r\n", bad: true},
		{name: "a negative chunk size", length: -1, body: "-4\r\nabcd\r\n", bad: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(tt.body))
			err := head{length: tt.length}.skipBody(r)
			if (err != nil) != tt.bad {
				t.Fatalf("error %v, want one: %v", err, tt.bad)
			}
			if rest, _ := r.Peek(r.Buffered()); !tt.bad && string(rest) != tt.rest {
				t.Errorf("left %q, want %q", rest, tt.rest)
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		r := bufio.NewReader(strings.NewReader(answer))
		h, err := readHead(r)
		if err != nil {
			return
		}
		if h.length < -1 {
			t.Errorf("length %d", h.length)
		}
		_ = h.skipBody(r) // must not panic
	})
}
