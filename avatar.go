package usermgmt

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
)

// Limits of avatars.
const (
	// MaxAvatarBytes is the largest picture that is read, 5 MB.
	MaxAvatarBytes = 5 << 20
	// MaxAvatarPixels is the largest picture by width times height; it is
	// checked before the picture is decoded.
	MaxAvatarPixels = 4 << 20
)

func avatarKey(id UserID) string { return "avatar/" + id.String() }

// SetAvatar stores a picture of a user: PNG, JPEG or GIF (its first frame). It
// is decoded and encoded anew, so that nothing but pixels is kept. A nil
// picture removes it.
//
// Rights are those of [Users.Update], also for oneself. SetAvatar records
// "user.avatar".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid] for what is no picture,
// [ErrLimit] for too large ones.
func (s *Users) SetAvatar(ctx context.Context, a Actor, id UserID, picture io.Reader) error {
	const op = "Users.SetAvatar"
	var data []byte
	var mediaType string
	var bad error
	if picture != nil && s.mayEdit(ctx, a, id) {
		data, mediaType, bad = cleanPicture(picture)
		if bad != nil && !isInvalid(bad) && !errors.Is(bad, ErrLimit) {
			return withOp(op, bad)
		}
	}
	return s.m.change(ctx, a, op, verbUserAvatar, func(ctx context.Context, w *work) error {
		u, err := w.editable(ctx, id, &UserUpdate{})
		if err != nil {
			return err
		}
		if bad != nil {
			return bad
		}
		if picture != nil && data == nil {
			return &Error{Kind: ErrStale, Field: "avatar"} // became editable since
		}
		before := *u
		u.AvatarType = mediaType
		if err := w.tx.PutBlob(ctx, avatarKey(id), data); err != nil {
			return err
		}
		if err := w.saveUser(ctx, *u); err != nil {
			return err
		}
		w.record(fieldsOf(&before), fieldsOf(u))
		return nil
	})
}

// mayEdit says beforehand whether a picture is worth decoding; the transaction
// decides.
func (s *Users) mayEdit(ctx context.Context, a Actor, id UserID) bool {
	v, err := s.m.read(a)
	if err != nil {
		return false
	}
	w := &work{m: s.m, tx: s.m.store, v: v, now: s.m.now()}
	_, err = w.editable(ctx, id, &UserUpdate{})
	return err == nil
}

// Avatar returns the picture of a user and its media type. Rights are those of
// [Users.Get]. Errors: [ErrNotFound], also for a user without one.
func (s *Users) Avatar(ctx context.Context, a Actor, id UserID) (data []byte, mediaType string, err error) {
	u, err := s.Get(ctx, a, id)
	if err != nil {
		return nil, "", err
	}
	if u.AvatarType == "" {
		return nil, "", withOp("Users.Avatar", &Error{Kind: ErrNotFound, Field: "avatar"})
	}
	data, err = s.m.store.Blob(ctx, avatarKey(id))
	return data, u.AvatarType, withOp("Users.Avatar", err)
}

// cleanPicture reads a picture within the limits and encodes it anew.
func cleanPicture(r io.Reader) (data []byte, mediaType string, err error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxAvatarBytes+1))
	if err != nil {
		return nil, "", err
	}
	if len(raw) > MaxAvatarBytes {
		return nil, "", &Error{Kind: ErrLimit, Field: "avatar", Rule: "bytes"}
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, "", invalid("avatar", "format", "is no PNG, JPEG or GIF picture")
	}
	if int64(config.Width)*int64(config.Height) > MaxAvatarPixels {
		return nil, "", &Error{Kind: ErrLimit, Field: "avatar", Rule: "pixels"}
	}
	img, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, "", invalid("avatar", "format", "is a damaged picture")
	}
	var out bytes.Buffer
	switch format {
	case "jpeg":
		mediaType, err = "image/jpeg", jpeg.Encode(&out, img, &jpeg.Options{Quality: 90})
	case "gif":
		mediaType, err = "image/gif", gif.Encode(&out, img, nil)
	default:
		mediaType, err = "image/png", png.Encode(&out, img)
	}
	return out.Bytes(), mediaType, err
}
