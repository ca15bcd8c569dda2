// Go's net/http: go run main.go BASE PICTURE LARGE
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
)

var base string

func send(name, method, path string, body io.Reader, headers ...string) {
	request, _ := http.NewRequest(method, base+path, body)
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Trailer" {
			request.Trailer = http.Header{headers[i+1]: {"abc"}}
		} else {
			request.Header.Set(headers[i], headers[i+1])
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Printf("%s\t0\t%v\n", name, err)
		return
	}
	content, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		content = []byte(err.Error())
	}
	fmt.Printf("%s\t%d\t%s\n", name, response.StatusCode, strings.ReplaceAll(string(content), "\n", " "))
}

// A reader of unknown length: Go sends it in chunks.
type stream struct{ io.Reader }

func main() {
	base = os.Args[1]
	picture, _ := os.ReadFile(os.Args[2])
	large, _ := os.ReadFile(os.Args[3])
	var compressed, form bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	writer.Write(picture)
	writer.Close()
	multi := multipart.NewWriter(&form)
	part, _ := multi.CreateFormFile("a", "a.png")
	part.Write(picture)
	multi.Close()
	send("probe", "GET", "/v2/health/ready", nil)
	send("head", "HEAD", "/v2/health/ready", nil)
	send("post", "POST", "/predict", bytes.NewReader(picture), "Content-Type", "image/png")
	send("chunked", "POST", "/predict", stream{bytes.NewReader(picture)})
	if strings.HasPrefix(base, "http:") { // nginx 1.22 takes no trailers in HTTP/2
		send("trailer", "POST", "/predict", stream{bytes.NewReader(picture)}, "Trailer", "X-Checksum")
	}
	send("continue", "POST", "/predict", bytes.NewReader(picture), "Expect", "100-continue")
	send("gzip", "POST", "/predict", &compressed, "Content-Encoding", "gzip")
	send("form", "POST", "/predict", &form, "Content-Type", multi.FormDataContentType())
	send("too large", "POST", "/predict", bytes.NewReader(large))
	send("too large chunked", "POST", "/predict", stream{bytes.NewReader(large)})
	for i := 0; i < 3; i++ {
		send("again", "POST", "/predict", bytes.NewReader(picture))
	}
}
