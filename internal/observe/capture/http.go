package capture

import (
	"cmp"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/shown"
)

const maxForm = 16 << 10

var errFormat = errors.New("captures are fetched as .zip or .har")

// Routes are the pages of the operations listener that start, stop, list and fetch captures. Whoever mounts them checks
// the login. version is written into HAR files.
func (c *Captures) Routes(version string) map[string]http.Handler {
	r := routes{c, version}
	return map[string]http.Handler{
		"POST /api/capture":           http.HandlerFunc(r.start),
		"GET /api/capture":            http.HandlerFunc(r.list),
		"GET /api/capture/{file}":     http.HandlerFunc(r.file),
		"POST /api/capture/{id}/stop": http.HandlerFunc(r.stop),
		"DELETE /api/capture/{id}":    http.HandlerFunc(r.delete),
	}
}

type routes struct {
	*Captures
	version string
}

// whoAsks names the login, if there is one, and the address.
func whoAsks(r *http.Request) string {
	user, _, ok := r.BasicAuth()
	if !ok {
		return r.RemoteAddr
	}
	return user + " at " + r.RemoteAddr
}

func (h routes) start(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	var info Info
	q, err := readRequest(r)
	if err == nil {
		info, err = h.Start(q)
	}
	answer(w, http.StatusCreated, info, err)
}

// readRequest reads JSON, or a form of the same fields.
func readRequest(r *http.Request) (Request, error) {
	asked := struct {
		Integration string      `json:"integration"`
		Requests    json.Number `json:"requests"`
		MaxBody     json.Number `json:"max_body"`
		For         string      `json:"for"` // such as "10m"
	}{}
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t == "application/json" {
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&asked); err != nil {
			return Request{}, err
		}
	} else if err := r.ParseForm(); err != nil {
		return Request{}, errors.New("the form cannot be read")
	} else {
		asked.Integration, asked.For = r.PostForm.Get("integration"), r.PostForm.Get("for")
		asked.Requests, asked.MaxBody = json.Number(r.PostForm.Get("requests")), json.Number(r.PostForm.Get("max_body"))
	}
	q := Request{Integration: asked.Integration, By: whoAsks(r)}
	var err error
	if q.Requests, err = strconv.Atoi(cmp.Or(asked.Requests.String(), "0")); err != nil {
		return q, errors.New("requests: not a number")
	}
	if q.MaxBody, err = strconv.Atoi(cmp.Or(asked.MaxBody.String(), "0")); err != nil {
		return q, errors.New("max_body: not a number")
	}
	if q.For, err = time.ParseDuration(cmp.Or(asked.For, "0s")); err != nil {
		return q, errors.New("for: not a time such as 10m")
	}
	return q, nil
}

func (h routes) list(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"captures": h.List()}, nil)
}

func (h routes) stop(w http.ResponseWriter, r *http.Request) {
	info, err := h.Stop(r.PathValue("id"), whoAsks(r))
	answer(w, http.StatusOK, info, err)
}

func (h routes) delete(w http.ResponseWriter, r *http.Request) {
	if err := h.Delete(r.PathValue("id"), whoAsks(r)); err != nil {
		answer(w, 0, nil, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// file sends {id}.zip or {id}.har.
func (h routes) file(w http.ResponseWriter, r *http.Request) {
	id, kind, _ := strings.Cut(r.PathValue("file"), ".")
	types := map[string]string{"zip": "application/zip", "har": "application/json"}
	info, _, err := h.read(id)
	if err == nil && types[kind] == "" {
		err = errFormat
	}
	if err != nil {
		answer(w, 0, nil, err)
		return
	}
	h.log.Warn("capture fetched", "capture", id, "integration", info.Integration, "captured", info.Captured,
		"format", kind, "by", shown.Printable(whoAsks(r)))
	w.Header().Set("Content-Type", types[kind])
	w.Header().Set("Content-Disposition", `attachment; filename="docusign-capture-`+id+"."+kind+`"`)
	w.Header().Set("Cache-Control", "no-store")
	if kind == "zip" {
		err = h.WriteZIP(w, id)
	} else {
		err = h.WriteHAR(w, id, h.version)
	}
	if err != nil {
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
}

// answer writes v as JSON, or the error.
func answer(w http.ResponseWriter, status int, v any, err error) {
	if err != nil {
		v, status = map[string]string{"error": shown.Printable(err.Error())}, http.StatusBadRequest
		switch {
		case errors.Is(err, ErrNone), errors.Is(err, errFormat):
			status = http.StatusNotFound
		case errors.Is(err, ErrRunning):
			status = http.StatusConflict
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // a reader who left is nobody to tell
}
