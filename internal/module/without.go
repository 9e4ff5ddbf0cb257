package module

import "maps"

// Without returns a client that reads the published versions of a module whose
// path c replaces by a working copy. Everything else is shared with c.
func (c *Client) Without(path string) *Client {
	if _, ok := c.replace[path]; !ok {
		return c
	}
	out := *c
	out.replace = maps.Clone(c.replace)
	delete(out.replace, path)
	return &out
}
