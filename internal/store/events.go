package store

import (
	"context"
	"crypto/rand"
)

// bucketEvents has no table: a change in it tells all replicas that something happened.
const bucketEvents = "events"

// EventRetry: a person has repaired something at DocuSign, so what was refused is asked for anew.
const EventRetry = "retry"

// Announce tells all replicas of an event, this one too: the feed brings it to Options.OnEvent. A store that no other
// process writes announces nothing.
func (c *core) Announce(ctx context.Context, event string) error {
	if c.shared == nil {
		return nil
	}
	_, err := c.shared.Commit(ctx, []Change{{Bucket: bucketEvents, Key: event, Value: []byte(rand.Text())}})
	return err
}

// heard passes on the events among the changes that the feed brought.
func (c *core) heard(changes []Change) {
	for _, change := range changes {
		if change.Bucket == bucketEvents && change.Value != nil {
			c.o.OnEvent(change.Key)
		}
	}
}
