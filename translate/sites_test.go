package translate

import (
	"fmt"
	"net/url"
	"sync"
	"testing"
)

func TestTwoIntegrationsThatLearnAnAccountAtOnceShareIt(t *testing.T) {
	base := &url.URL{Scheme: "https", Host: "na3.docusign.net"}
	t.Run("one after the other", func(t *testing.T) {
		s := newSiteTable(nil)
		if !s.put("1", base, "erp") || s.put("1", base, "billing") {
			t.Error("the site is news the first time, and only then")
		}
		if row := s.rows["1"]; !row.shared {
			t.Errorf("%+v", row)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		s := newSiteTable(nil)
		const accounts = 2000
		var learners sync.WaitGroup
		start := make(chan struct{})
		for _, integration := range []string{"erp", "billing"} {
			learners.Go(func() {
				<-start
				for i := range accounts {
					s.put(fmt.Sprint(i), base, integration)
				}
			})
		}
		close(start)
		learners.Wait()
		for i := range accounts {
			if row := s.rows[fmt.Sprint(i)]; !row.shared {
				t.Fatalf("account %d belongs to %s alone", i, row.integration)
			}
		}
	})
	t.Run("a move while two share it", func(t *testing.T) {
		s := newSiteTable(nil)
		moved := &url.URL{Scheme: "https", Host: "eu.docusign.net"}
		s.put("1", base, "erp")
		s.put("1", base, "billing")
		s.put("1", moved, "erp")
		if row := s.rows["1"]; !row.shared || row.base != moved {
			t.Errorf("%+v", row)
		}
	})
}
