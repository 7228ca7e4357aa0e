import Addresses
internal import CCurl
import EventLoop

extension Transfer {
  /// Tells libcurl what to get and within which bounds.
  /// Connections that are older than `seconds` are not used again.
  func configure(_ url: String, _ options: HTTPClientOptions, youngerThan seconds: Int? = nil) {
    set(CURLOPT_URL, url)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
    set(CURLOPT_USERAGENT, options.userAgent)
    // An empty text turns off the proxies that the environment names.
    if let proxy = options.proxy {
      set(CURLOPT_PROXY, proxy)
    } else if !options.usesEnvironmentProxies {
      set(CURLOPT_PROXY, "")
    }
    if let certificates = options.certificates { set(CURLOPT_CAINFO, certificates) }
    set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    set(CURLOPT_FOLLOWLOCATION, 1)
    set(CURLOPT_MAXREDIRS, limits.maximumRedirects)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(min(limits.connectTimeout, limits.timeout) * 1000)))
    if let seconds { set(CURLOPT_MAXLIFETIME_CONN, seconds) }
    // With a binding our own sockets are bound to what is right.
    switch (limits.family, options.binding == nil ? options.source : nil) {
    case (.any, nil): set(CURLOPT_IPRESOLVE, Int(CURL_IPRESOLVE_WHATEVER))
    case (.any, let source?): leave(from: source)
    case (.v4, let source):
      set(CURLOPT_IPRESOLVE, Int(CURL_IPRESOLVE_V4))
      if let source, source.isV4 { leave(from: source) }
    case (.v6, let source):
      set(CURLOPT_IPRESOLVE, Int(CURL_IPRESOLVE_V6))
      if let source, !source.isV4 { leave(from: source) }
    }
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe apus_curl_set_pointer(easy, CURLOPT_WRITEDATA, context)
    unsafe apus_curl_set_receiver(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      let bytes = unsafe UnsafeBufferPointer(start: bytes, count: size * count)
      return unsafe Transfer.from(context)?.take(bytes) ?? 0
    }
    unsafe apus_curl_set_pointer(easy, CURLOPT_HEADERDATA, context)
    unsafe apus_curl_set_receiver(easy, CURLOPT_HEADERFUNCTION) { _, size, count, context in
      unsafe Transfer.from(context)?.takeHeader(count: size * count) == true ? size * count : 0
    }
  }

  /// What holds for an answer that is kept whole.
  func limit() {
    set(CURLOPT_ACCEPT_ENCODING, "gzip")
    set(CURLOPT_TIMEOUT_MS, max(1, Int(limits.timeout * 1000)))
  }

  /// Sends a body.
  func post(_ body: [UInt8]) {
    set(CURLOPT_POST, 1)
    // The size first: libcurl copies as much.
    set(CURLOPT_POSTFIELDSIZE, body.count)
    _ = unsafe body.withUnsafeBytes { bytes in
      unsafe apus_curl_set_pointer(
        easy, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }
  }

  /// What holds for a range that is handed on as it comes.
  func configure(_ range: Range<Int64>, _ limits: HTTPStreamLimits) {
    set(CURLOPT_RANGE, "\(range.lowerBound)-\(range.upperBound - 1)")
    set(CURLOPT_BUFFERSIZE, 128 << 10)
    // A transfer that is paused does not count as stalled.
    set(CURLOPT_LOW_SPEED_LIMIT, 1)
    set(CURLOPT_LOW_SPEED_TIME, max(1, Int(limits.stallTimeout)))
  }

  private func leave(from source: IPAddress) {
    set(CURLOPT_IPRESOLVE, Int(source.isV4 ? CURL_IPRESOLVE_V4 : CURL_IPRESOLVE_V6))
    set(CURLOPT_INTERFACE, "host!\(source)")
  }

  private func set(_ option: CURLoption, _ value: Int) { unsafe apus_curl_set_long(easy, option, value) }

  private func set(_ option: CURLoption, _ value: String) { unsafe apus_curl_set_text(easy, option, value) }

  /// libcurl is done with it.
  func end(_ code: CURLcode, on loop: isolated Loop) {
    guard let stream else { return finish(result(code), on: loop) }
    self.stream = nil
    let error = isTooLarge ? .tooLarge(limit: Self.maximumHeaderBytes) : error(code, explanation(code))
    stream.ended(self, code == CURLE_OK ? nil : error, on: loop)
  }

  /// Ends it for a reason of ours.
  func fail(_ error: HTTPError, on loop: isolated Loop) {
    finish(.failure(error), on: loop)
    let stream = stream
    self.stream = nil
    stream?.ended(self, error, on: loop)
  }

  /// Hands the result over, once.
  func finish(_ result: Result<HTTPReply, HTTPError>, on loop: isolated Loop) {
    guard let receiver else { return }
    self.receiver = nil
    receiver.ended(self, result, on: loop)
  }

  /// What came of the request, by libcurl's code.
  func result(_ code: CURLcode) -> Result<HTTPReply, HTTPError> {
    if isTooLarge { return .failure(.tooLarge(limit: limits.maximumBytes)) }
    guard code != CURLE_OK else { return .success(reply()) }
    return .failure(error(code, explanation(code)))
  }

  private func error(_ code: CURLcode, _ detail: String) -> HTTPError {
    switch code {
    case CURLE_URL_MALFORMAT: .invalidURL(detail)
    // Also what libcurl calls it when something answers that speaks no HTTP.
    case CURLE_UNSUPPORTED_PROTOCOL: address != nil && status == 0 ? .broken(detail) : .invalidURL(detail)
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .cannotResolve(detail)
    case CURLE_COULDNT_CONNECT where isBlocked: .cannotConnect("its address is blocked")
    case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED: .cannotConnect(detail)
    case CURLE_OPERATION_TIMEDOUT: .timedOut(detail)
    case CURLE_FILESIZE_EXCEEDED: .tooLarge(limit: limits.maximumBytes)
    case CURLE_TOO_MANY_REDIRECTS: .tooManyRedirects
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
      CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER:
      .insecure(detail)
    default: .broken(detail)
    }
  }

  private func reply() -> HTTPReply {
    var url: UnsafePointer<CChar>?
    unsafe apus_curl_get_text(easy, CURLINFO_EFFECTIVE_URL, &url)
    return unsafe HTTPReply(
      status: status, body: body, url: url.map { unsafe String(cString: $0) } ?? "", address: address)
  }

  /// What the last answer said of itself; to be asked for once bytes have come, or at the end.
  public var head: HTTPHead {
    var length: curl_off_t = -1
    var pause: curl_off_t = 0
    unsafe apus_curl_get_offset(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length)
    unsafe apus_curl_get_offset(easy, CURLINFO_RETRY_AFTER, &pause)
    let range = unsafe apus_curl_get_header(easy, "Content-Range").flatMap {
      unsafe ContentRange(String(cString: $0).utf8)
    }
    return HTTPHead(
      status: status, contentLength: length < 0 ? nil : Int64(length), contentRange: range,
      retryAfter: pause > 0 ? Double(pause) : nil)
  }

  private var status: Int {
    var status = 0
    unsafe apus_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
    return status
  }

  /// Of the connection that was used last.
  private var address: IPAddress? {
    var text: UnsafePointer<CChar>?
    unsafe apus_curl_get_text(easy, CURLINFO_PRIMARY_IP, &text)
    return unsafe text.flatMap { unsafe IPAddress(String(cString: $0)) }
  }
}
