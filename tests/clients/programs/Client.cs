// .NET's HttpClient: mcs -r:System.Net.Http.dll Client.cs, then Client.exe BASE PICTURE LARGE
using System;
using System.IO;
using System.IO.Compression;
using System.Net.Http;
using System.Threading.Tasks;

static class Client
{
    static HttpClient client = new HttpClient();
    static string address;

    static async Task Send(string name, string method, string path, HttpContent content, Action<HttpRequestMessage> change = null)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), address + path) { Content = content };
        if (change != null) change(request);
        try
        {
            var response = await client.SendAsync(request);
            var text = await response.Content.ReadAsStringAsync();
            Console.WriteLine("{0}\t{1}\t{2}", name, (int)response.StatusCode, text.Replace("\n", " "));
        }
        catch (Exception error)
        {
            Console.WriteLine("{0}\t0\t{1}", name, error.GetBaseException().Message.Replace("\n", " "));
        }
    }

    static byte[] Gzip(byte[] content)
    {
        var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionMode.Compress)) gzip.Write(content, 0, content.Length);
        return stream.ToArray();
    }

    static async Task Run(byte[] picture, byte[] large)
    {
        await Send("probe", "GET", "/v2/health/ready", null);
        await Send("head", "HEAD", "/v2/health/ready", null);
        await Send("post", "POST", "/predict", new ByteArrayContent(picture));
        await Send("chunked", "POST", "/predict", new ByteArrayContent(picture), r => r.Headers.TransferEncodingChunked = true);
        await Send("continue", "POST", "/predict", new ByteArrayContent(picture), r => r.Headers.ExpectContinue = true);
        var compressed = new ByteArrayContent(Gzip(picture));
        compressed.Headers.ContentEncoding.Add("gzip");
        await Send("gzip", "POST", "/predict", compressed);
        var form = new MultipartFormDataContent();
        form.Add(new ByteArrayContent(picture), "a", "a.png");
        await Send("form", "POST", "/predict", form);
        await Send("too large", "POST", "/predict", new ByteArrayContent(large));
        await Send("too large chunked", "POST", "/predict", new ByteArrayContent(large), r => r.Headers.TransferEncodingChunked = true);
        for (int i = 0; i < 3; i++) await Send("again", "POST", "/predict", new ByteArrayContent(picture));
    }

    static void Main(string[] arguments)
    {
        address = arguments[0];
        Run(File.ReadAllBytes(arguments[1]), File.ReadAllBytes(arguments[2])).Wait();
    }
}
