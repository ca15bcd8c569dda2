# Ruby's Net::HTTP: ruby client.rb BASE PICTURE LARGE
require "net/http"
require "stringio"
require "zlib"

BASE = URI(ARGV[0])
PICTURE = File.binread(ARGV[1])
LARGE = File.binread(ARGV[2])
CONNECTION = Net::HTTP.new(BASE.host, BASE.port)
CONNECTION.use_ssl = BASE.scheme == "https"
CONNECTION.ca_file = ENV["CA"] if ENV["CA"]

def send_one(name, kind, path, body = nil, headers = {}, chunked: false)
  request = kind.new(BASE.path + path, headers)
  if chunked
    request["Transfer-Encoding"] = "chunked"
    request.body_stream = StringIO.new(body)
  else
    request.body = body
  end
  request["Content-Type"] ||= "image/png" if body
  response = CONNECTION.request(request)
  puts "#{name}\t#{response.code}\t#{response.body.to_s.tr("\n", " ")}"
rescue StandardError => error
  puts "#{name}\t0\t#{error.inspect}"
end

FORM = "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.png\"\r\n\r\n".b + PICTURE + "\r\n--b--\r\n".b
CONNECTION.start
CONNECTION.continue_timeout = 1
send_one("probe", Net::HTTP::Get, "/v2/health/ready")
send_one("head", Net::HTTP::Head, "/v2/health/ready")
send_one("post", Net::HTTP::Post, "/predict", PICTURE)
send_one("chunked", Net::HTTP::Post, "/predict", PICTURE, chunked: true)
send_one("continue", Net::HTTP::Post, "/predict", PICTURE, { "Expect" => "100-continue" })
send_one("gzip", Net::HTTP::Post, "/predict", Zlib.gzip(PICTURE), { "Content-Encoding" => "gzip" })
send_one("form", Net::HTTP::Post, "/predict", FORM, { "Content-Type" => "multipart/form-data; boundary=b" })
send_one("too large", Net::HTTP::Post, "/predict", LARGE)
3.times { send_one("again", Net::HTTP::Post, "/predict", PICTURE) }
