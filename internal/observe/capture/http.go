package capture

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/shown"
)

const maxForm = 16 << 10

// Routes are the pages of the operations listener that start, stop, list and fetch captures. Whoever mounts them checks the login.
// version is written into HAR files.
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

// asked is the JSON that starts a capture; a form has the same fields.
type asked struct {
	Integration string `json:"integration"`
	Requests    int    `json:"requests"`
	MaxBody     int    `json:"max_body"`
	For         string `json:"for"` // such as "10m"
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
	q, err := readRequest(http.MaxBytesReader(w, r.Body, maxForm), r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	q.By = whoAsks(r)
	info, err := h.Start(q)
	switch {
	case errors.Is(err, ErrRunning):
		writeError(w, http.StatusConflict, err)
	case err != nil:
		writeError(w, http.StatusBadRequest, err)
	default:
		writeJSON(w, http.StatusCreated, info)
	}
}

func readRequest(body io.ReadCloser, r *http.Request) (Request, error) {
	var a asked
	var err error
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t == "application/json" {
		d := json.NewDecoder(body)
		d.DisallowUnknownFields()
		err = d.Decode(&a)
	} else {
		r.Body = body
		a, err = readForm(r)
	}
	if err != nil {
		return Request{}, err
	}
	q := Request{Integration: a.Integration, Requests: a.Requests, MaxBody: a.MaxBody}
	if a.For != "" {
		if q.For, err = time.ParseDuration(a.For); err != nil {
			return q, errors.New("for: not a time such as 10m")
		}
	}
	return q, nil
}

func readForm(r *http.Request) (a asked, err error) {
	if err := r.ParseForm(); err != nil {
		return a, errors.New("the form cannot be read")
	}
	a.Integration, a.For = r.PostForm.Get("integration"), r.PostForm.Get("for")
	for name, to := range map[string]*int{"requests": &a.Requests, "max_body": &a.MaxBody} {
		if v := r.PostForm.Get(name); v != "" {
			if *to, err = strconv.Atoi(v); err != nil {
				return a, errors.New(name + ": not a number")
			}
		}
	}
	return a, nil
}

func (h routes) list(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"captures": h.List()})
}

func (h routes) stop(w http.ResponseWriter, r *http.Request) {
	info, err := h.Stop(r.PathValue("id"), whoAsks(r))
	if err != nil {
		writeError(w, http.StatusNotFound, err)
		return
	}
	writeJSON(w, http.StatusOK, info)
}

func (h routes) delete(w http.ResponseWriter, r *http.Request) {
	if err := h.Delete(r.PathValue("id"), whoAsks(r)); err != nil {
		writeError(w, http.StatusNotFound, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// file sends {id}.zip or {id}.har.
func (h routes) file(w http.ResponseWriter, r *http.Request) {
	id, kind, _ := strings.Cut(r.PathValue("file"), ".")
	types := map[string]string{"zip": "application/zip", "har": "application/json"}
	info, _, err := h.read(id)
	if types[kind] == "" {
		err = cmp.Or(err, errors.New("captures are fetched as .zip or .har"))
	}
	if err != nil {
		writeError(w, http.StatusNotFound, err)
		return
	}
	h.log.Warn("capture fetched", "capture", id, "integration", info.Integration, "captured", info.Captured, "format", kind, "by", shown.Printable(whoAsks(r)))
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

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": shown.Printable(err.Error())})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "the answer could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a reader who left is nobody to tell
}
