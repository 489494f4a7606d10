package oauth

import "time"

// WaitAtMost sets how long a fetch may take, and a wait for another replica's.
func (c *Client) WaitAtMost(d time.Duration) { c.fetches.timeout = d }
