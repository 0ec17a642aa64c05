package plugwire

import "context"

// Context is embedded in the argument of a method that wants the context of
// its call. gob neither sends nor needs it, so the argument's form on the wire
// stays as it is.
type Context func() context.Context

// Ctx is the context of the call. It is never nil: where the caller sent none,
// it is context.Background.
func (c Context) Ctx() context.Context {
	if c == nil {
		return context.Background()
	}
	return c()
}

// SetContext sets the context. Any argument that has the method gets the
// context of its call by it, before the method is called.
func (c *Context) SetContext(ctx context.Context) {
	*c = func() context.Context { return ctx }
}

type traceKey struct{}

// WithTraceparent returns a context whose calls are part of a trace, in the
// form of W3C's header traceparent. A text that is none changes nothing: one
// that is longer than 256 bytes or has others than visible ASCII characters.
func WithTraceparent(ctx context.Context, trace string) context.Context {
	if !isTrace(trace) {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, trace)
}

// Traceparent is the trace that a call is part of, as the caller sent it, or
// as WithTraceparent set it. Empty if there is none.
func Traceparent(ctx context.Context) string {
	trace, _ := ctx.Value(traceKey{}).(string)
	return trace
}
