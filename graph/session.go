package graph

import (
	"context"
	"slices"

	"holdfast/graph/model"
	"holdfast/internal/identity"
	"holdfast/internal/payment"
)

// viewer is who, as the object that clients know; nil for nobody.
func viewer(ctx context.Context, who identity.Principal) (model.Viewer, error) {
	switch {
	case who.IsBuyer():
		return &identity.Buyer{ID: who.Buyer}, nil
	case who.IsStaff():
		return loaders(ctx).Staff.Load(ctx, who.Staff)
	default:
		return nil, nil //nolint:nilnil // nobody asks
	}
}

// logIn takes the one way in that the input names.
func (r *Resolver) logIn(ctx context.Context, input model.SessionCreateInput) (*identity.Session, error) {
	if err := oneWayIn(input); err != nil {
		return nil, err
	}
	if input.WeChat != nil {
		return r.begun(ctx)(r.Identity.LoginBuyer(ctx, input.WeChat.AppID, input.WeChat.Code))
	}
	return r.begun(ctx)(r.Identity.LoginStaff(ctx, input.Staff.Email, input.Staff.Password))
}

// begun lets the fields below see what the new session sees.
func (r *Resolver) begun(ctx context.Context) func(identity.Session, error) (*identity.Session, error) {
	return func(s identity.Session, err error) (*identity.Session, error) {
		if err != nil {
			return nil, err
		}
		r.become(ctx, s.Viewer)
		return &s, nil
	}
}

// accepted begins the session of whoever takes an invitation up.
func (r *Resolver) accepted(ctx context.Context, token, password string) (*identity.Session, error) {
	s, err := r.Identity.AcceptInvitation(ctx, token, password)
	if err != nil {
		return nil, err
	}
	return r.begun(ctx)(*s, nil)
}

// unless is v, or nil when err refuses it.
func unless[T any](err error, v *T) (*T, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// seen are the splits of the shops whose money who may know.
func seen(who identity.Principal, splits []*payment.Split) []*payment.Split {
	return slices.DeleteFunc(slices.Clone(splits), func(s *payment.Split) bool { return !who.SeesShop(s.ShopID) })
}
