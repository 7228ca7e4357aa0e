// Transfer: an HTTP client on an event loop, by libcurl's multi-socket interface. May import
// EventLoop, Addresses and Bytes; the only target that imports CCurl.

internal import CCurl
public import EventLoop

/// One request under way. Confined to its client's loop.
@safe
public final class Transfer {
  let easy: UnsafeMutableRawPointer
  /// What holds for an answer that is kept whole.
  let limits: HTTPLimits
  var body: [UInt8] = []
  var headerBytes = 0
  /// Set when the answer was cut because it grew beyond its limit.
  var isTooLarge = false
  /// Set when an address was refused.
  var isBlocked = false
  var receiver: (any HTTPReceiver)?
  /// Who gets the bytes as they come, where the answer is not kept.
  var stream: (any HTTPStreamReceiver)?
  /// Whether bytes are not to come for now, and whether libcurl keeps some back.
  var isPaused = false
  var isHeld = false
  weak var client: HTTPClient?
  private let message: UnsafeMutablePointer<CChar>

  /// Bytes of header that a server may send, over all redirects.
  static let maximumHeaderBytes = 64 << 10

  init?(_ limits: HTTPLimits, client: HTTPClient, receiver: (any HTTPReceiver)?) {
    guard let easy = unsafe curl_easy_init() else { return nil }
    unsafe self.easy = easy
    unsafe message = .allocate(capacity: Int(CURL_ERROR_SIZE))
    unsafe message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    self.limits = limits
    self.client = client
    self.receiver = receiver
    unsafe apus_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, message)
  }

  convenience init?(_ limits: HTTPStreamLimits, client: HTTPClient, receiver: any HTTPStreamReceiver) {
    self.init(
      HTTPLimits(connectTimeout: limits.connectTimeout, maximumRedirects: limits.maximumRedirects),
      client: client, receiver: nil)
    stream = receiver
  }

  deinit {
    unsafe curl_easy_cleanup(easy)
    unsafe message.deallocate()
  }

  var id: UInt { unsafe UInt(bitPattern: easy) }

  /// Gives the request up; nobody is told how it ended. Idempotent.
  public func cancel(on loop: isolated Loop) {
    receiver = nil
    stream = nil
    client?.abandon(self, on: loop)
  }

  /// What libcurl says about the failure, or what its code means.
  func explanation(_ code: CURLcode) -> String {
    let detail = unsafe String(cString: message)
    return unsafe detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
  }

  /// Takes `bytes` of the body and returns how many: fewer, and the request fails; or the code that has
  /// libcurl keep them for later.
  func take(_ bytes: UnsafeBufferPointer<CChar>) -> Int {
    guard receiver == nil else { return unsafe keep(bytes) ? bytes.count : 0 }
    guard stream != nil else { return 0 }
    guard !isPaused, body.isEmpty || body.count + bytes.count <= Self.maximumWaiting else {
      isHeld = true
      return Int(CURL_WRITEFUNC_PAUSE)
    }
    if body.isEmpty { client?.note(self) }
    unsafe body.append(contentsOf: UnsafeRawBufferPointer(bytes))
    return bytes.count
  }

  private func keep(_ bytes: UnsafeBufferPointer<CChar>) -> Bool {
    guard body.count + bytes.count <= limits.maximumBytes else {
      isTooLarge = true
      return false
    }
    unsafe body.append(contentsOf: UnsafeRawBufferPointer(bytes))
    return true
  }

  /// Counts a line of the header; false if it is one too many.
  func takeHeader(count: Int) -> Bool {
    headerBytes += count
    isTooLarge = headerBytes > Self.maximumHeaderBytes
    return !isTooLarge
  }

  static func from(_ context: UnsafeMutableRawPointer?) -> Transfer? {
    unsafe context.map { unsafe Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
  }
}
