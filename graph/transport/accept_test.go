package transport

import "testing"

func TestNegotiate(t *testing.T) {
	t.Parallel()
	const none = "406"
	for _, tc := range []struct {
		accept []string
		want   string
	}{
		{nil, mediaJSON},
		{[]string{""}, mediaJSON},
		{[]string{" , "}, mediaJSON},
		{[]string{"*/*"}, mediaJSON},
		{[]string{"application/*"}, mediaJSON},
		{[]string{"APPLICATION/JSON"}, mediaJSON},
		{[]string{mediaGraphQL}, mediaGraphQL},
		{[]string{mediaGraphQL + "; charset=UTF-8"}, mediaGraphQL},
		{[]string{mediaGraphQL + "; charset=latin1"}, none},
		{[]string{mediaGraphQL + ", " + mediaJSON}, mediaGraphQL},
		{[]string{mediaJSON + ", " + mediaGraphQL}, mediaJSON},
		{[]string{mediaJSON, mediaGraphQL + ";q=0.9"}, mediaJSON},
		{[]string{mediaJSON + ";q=0.8", mediaGraphQL + ";q=0.9"}, mediaGraphQL},
		{[]string{"*/*, " + mediaGraphQL}, mediaGraphQL},
		{[]string{mediaGraphQL + ";q=0.5, */*"}, mediaJSON},
		{[]string{mediaGraphQL + ";q=0.5, application/*;q=0.6"}, mediaJSON},
		{[]string{mediaJSON + ";q=0.5, */*"}, mediaGraphQL},
		{[]string{mediaJSON + ";q=0, */*;q=0.1"}, mediaGraphQL},
		{[]string{mediaJSON + ";q=0, " + mediaGraphQL + ";q=0, */*"}, none},
		{[]string{mediaGraphQL + ";q=0, " + mediaJSON + ";q=0"}, none},
		{[]string{"application/*;q=0, */*"}, none},
		{[]string{"*/*, application/*;q=0"}, none},
		{[]string{mediaJSON + ";q=-1, */*"}, mediaJSON},
		{[]string{mediaJSON + ";q=2"}, none},
		{[]string{mediaJSON + ";q=-1"}, none},
		{[]string{mediaJSON + ";q=NaN"}, none},
		{[]string{mediaJSON + ";q=high"}, none},
		{[]string{"text/event-stream"}, none},
		{[]string{"multipart/mixed;deferSpec=20220824," + mediaGraphQL + "," + mediaJSON + ";q=0.9"}, mediaGraphQL},
		{[]string{`application/json;profile="a,b\"c"`}, mediaJSON},
		{[]string{`text/x;a="` + mediaJSON + `, ` + mediaJSON + `"`}, none},
		{[]string{"/, ;;, text/"}, none},
	} {
		got, ok := negotiate(tc.accept)
		if !ok {
			got = none
		}
		if got != tc.want {
			t.Errorf("Accept %q is answered with %s, want %s", tc.accept, got, tc.want)
		}
	}
}
