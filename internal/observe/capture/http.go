package capture

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"docusign-auth-proxy/internal/shown"
)

const maxAsked = 16 << 10 // bytes of what asks for a capture

var errFormat = errors.New("captures are fetched as .zip or .har")

// Routes are the pages of the operations listener that start, stop, list and fetch captures. Whoever mounts them checks
// the login. version is written into HAR files, by names who asks.
func (c *Captures) Routes(version string, by func(*http.Request) string) map[string]http.Handler {
	handle := func(status int, act func(*http.Request) (any, error)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxAsked)
			v, err := act(r)
			answer(w, status, v, err)
		})
	}
	return map[string]http.Handler{
		"POST /api/capture": handle(http.StatusCreated, func(r *http.Request) (any, error) {
			q, err := readRequest(r)
			if err != nil {
				return nil, err
			}
			q.By = by(r)
			return c.Start(q)
		}),
		"GET /api/capture": handle(http.StatusOK, func(*http.Request) (any, error) {
			return map[string]any{"captures": c.List()}, nil
		}),
		"POST /api/capture/{id}/stop": handle(http.StatusOK, func(r *http.Request) (any, error) {
			return c.Stop(r.PathValue("id"), by(r))
		}),
		"DELETE /api/capture/{id}": handle(http.StatusNoContent, func(r *http.Request) (any, error) {
			return nil, c.Delete(r.PathValue("id"), by(r))
		}),
		"GET /api/capture/{file}": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.file(w, r.PathValue("file"), version, by(r))
		}),
	}
}

func readRequest(r *http.Request) (Request, error) {
	asked := struct {
		Integration string `json:"integration"`
		Requests    int    `json:"requests"`
		MaxBody     int    `json:"max_body"`
		For         string `json:"for"` // such as "10m"
	}{}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil {
		return Request{}, err
	}
	limit, err := time.ParseDuration(cmp.Or(asked.For, "0s"))
	if err != nil {
		return Request{}, errors.New("for: not a time such as 10m")
	}
	return Request{Integration: asked.Integration, Requests: asked.Requests, MaxBody: asked.MaxBody, For: limit}, nil
}

// file sends {id}.zip or {id}.har.
func (c *Captures) file(w http.ResponseWriter, file, version, by string) {
	id, kind, _ := strings.Cut(file, ".")
	types := map[string]string{"zip": "application/zip", "har": "application/json"}
	info, exchanges, err := c.read(id)
	if err == nil && types[kind] == "" {
		err = errFormat
	}
	if err != nil {
		answer(w, 0, nil, err)
		return
	}
	c.log.Warn("capture fetched", "capture", id, "integration", info.Integration, "captured", info.Captured,
		"format", kind, "by", shown.Printable(by))
	w.Header().Set("Content-Type", types[kind])
	w.Header().Set("Content-Disposition", `attachment; filename="docusign-capture-`+id+"."+kind+`"`)
	w.Header().Set("Cache-Control", "no-store")
	if kind == "zip" {
		err = writeZIP(w, info, exchanges)
	} else {
		err = writeHAR(w, info, exchanges, version)
	}
	if err != nil {
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
}

// answer writes v as JSON, or the error.
func answer(w http.ResponseWriter, status int, v any, err error) {
	switch {
	case err == nil:
	case errors.Is(err, ErrNone), errors.Is(err, errFormat):
		status = http.StatusNotFound
	case errors.Is(err, ErrRunning):
		status = http.StatusConflict
	default:
		status = http.StatusBadRequest
	}
	if err != nil {
		v = map[string]string{"error": shown.Printable(err.Error())}
	}
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // a reader who left is nobody to tell
}
