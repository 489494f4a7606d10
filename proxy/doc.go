// Package proxy moves the bytes: doors, the one pipeline behind them, and a function for each kind of call. It never
// lets an inner Host header choose where a call goes, and never sends a call twice unless the first was refused before
// any work. Package app builds a Server from the configuration and runs it.
package proxy
