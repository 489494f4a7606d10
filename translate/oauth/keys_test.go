package oauth

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestNewKey(t *testing.T) {
	private := testKeys()[0]
	if k := testKey(t, 0); len(k.ID) != 16 || !k.private.Equal(private) || k.ID == testKey(t, 1).ID {
		t.Errorf("%s", k)
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	k := testKey(t, 0)
	j, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %+v %#v %s", k, *k, k, j)
	if strings.Contains(text, k.private.D.String()) || strings.Contains(text, fmt.Sprintf("%x", k.private.D)) {
		t.Error("a key prints itself")
	}
	if k.String() != "key-0.pem ("+k.ID+")" {
		t.Errorf("String %q", k)
	}
}
