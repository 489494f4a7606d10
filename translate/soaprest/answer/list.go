package answer

import (
	"encoding/json"
	"strconv"

	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// Page is a list of envelopes as REST answered it. Of its envelopes one at a time is in memory.
type Page struct {
	// Total is how many envelopes the whole list has, Count how many are in this page.
	Total, Count int

	file *spool.File
}

// ReadPage looks through an answer, which must stay until the answer to the program has been written.
func ReadPage(f *spool.File) (*Page, error) {
	p := &Page{file: f}
	err := p.each(func(object) error {
		p.Count++
		return nil
	}, func(member string, value any) {
		if n, err := strconv.Atoi(asText(value)); member == "totalSetSize" && err == nil {
			p.Total = n
		}
	})
	p.Total = max(p.Total, p.Count)
	return p, err
}

// each yields the envelopes, and the members beside them.
func (p *Page) each(envelope func(object) error, beside func(member string, value any)) error {
	d := json.NewDecoder(p.file.Reader())
	if err := opening(d, '{'); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return unreadable(err)
		}
		member, _ := name.(string)
		if member == "envelopes" {
			if err := eachOf(d, envelope); err != nil {
				return err
			}
			continue
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return unreadable(err)
		}
		beside(member, value)
	}
	return opening(d, '}')
}

func eachOf(d *json.Decoder, yield func(object) error) error {
	if err := opening(d, '['); err != nil {
		return err
	}
	for d.More() {
		var o object
		if err := d.Decode(&o); err != nil {
			return unreadable(err)
		}
		if err := yield(o); err != nil {
			return err
		}
	}
	return opening(d, ']')
}

// opening reads one bracket.
func opening(d *json.Decoder, want json.Delim) error {
	token, err := d.Token()
	switch {
	case err != nil:
		return unreadable(err)
	case token != want:
		return fault.Server("DocuSign's list has %v in the place of %v", token, want)
	}
	return nil
}

func unreadable(err error) error {
	return fault.Server("DocuSign's list of envelopes cannot be read: %v", err)
}

// Statuses makes FilteredEnvelopeStatuses of all pages. The filter is what the program sent; total is the size of the
// whole set, of which the pages may hold a part (SOAP-REST.md §4.3).
func (w *Writer) Statuses(filter Fields, total int, pages []*Page) Fields {
	now := w.Now()
	each := fromPages(pages, func(e object) Fields { return w.status(e, now, nil) })
	return Fields{
		"ResultSetSize": total, "EnvelopeStatusFilter": filter, "EnvelopeStatuses": Fields{"EnvelopeStatus": each},
	}
}

// StatusChanges makes FilteredEnvelopeStatusChanges of all pages.
func (w *Writer) StatusChanges(total int, pages []*Page) Fields {
	return Fields{
		"ResultSetSize": total,
		"EnvelopeStatusChanges": Fields{"EnvelopeStatusChange": fromPages(pages, func(e object) Fields {
			return Fields{
				"EnvelopeID": e.given("envelopeId"), "Status": w.envelopeWord(e),
				"StatusChanged": e.date("statusChangedDateTime", "createdDateTime"),
			}
		})},
	}
}

func fromPages(pages []*Page, fields func(object) Fields) Each {
	return func(yield func(Fields) error) error {
		for _, p := range pages {
			err := p.each(func(e object) error { return yield(fields(e)) }, func(string, any) {})
			if err != nil {
				return err
			}
		}
		return nil
	}
}
