package s3

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

const day = 24 * time.Hour

// expiryRule deletes objects some days after they were made.
type expiryRule struct {
	id     string
	prefix string
	days   int
}

// expires is the first midnight UTC that is the rule's days after an object was
// made, as S3 rounds it.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html#intro-lifecycle-rules-number-of-days
func (r expiryRule) expires(modified time.Time) time.Time {
	t := modified.UTC().Add(time.Duration(r.days) * day)
	if midnight := t.Truncate(day); !midnight.Equal(t) {
		t = midnight.Add(day)
	}
	return t
}

// expiry is when an object expires, and by which rule: the one that is first.
func (b *bucket) expiryOf(key string, o *object) (rule expiryRule, when time.Time, ok bool) {
	for _, r := range b.expiry {
		if !strings.HasPrefix(key, r.prefix) {
			continue
		}
		if t := r.expires(o.modified); !ok || t.Before(when) {
			rule, when, ok = r, t, true
		}
	}
	return rule, when, ok
}

// get finds an object that has not expired. S3 may keep an expired one a little
// longer; here it is gone on time.
func (b *bucket) get(key string, now time.Time) (*object, bool) {
	o := b.objects[key]
	if o == nil {
		return nil, false
	}
	_, when, expires := b.expiryOf(key, o)
	return o, !expires || now.Before(when)
}

// expire forgets all objects that have expired.
func (b *bucket) expire(now time.Time) {
	if len(b.expiry) == 0 {
		return
	}
	for key := range b.objects {
		if _, ok := b.get(key, now); !ok {
			b.remove(key, now)
		}
	}
}

// expiration is the header x-amz-expiration of an object. Empty if it stays.
func (b *bucket) expiration(key string, o *object) string {
	rule, when, ok := b.expiryOf(key, o)
	if !ok {
		return ""
	}
	return fmt.Sprintf("expiry-date=%q, rule-id=%q", when.Format(http.TimeFormat), rule.id)
}
