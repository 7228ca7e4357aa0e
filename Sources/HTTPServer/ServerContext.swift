import Addresses
import Bytes
internal import CMicrohttpd

/// What libmicrohttpd's callbacks work with.
final class ServerContext: Sendable {
  let options: HTTPServerOptions
  let handler: @Sendable (HTTPRequest) -> HTTPResponse
  let deadlines: RequestDeadlines

  init(_ options: HTTPServerOptions, _ handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse) {
    self.options = options
    self.handler = handler
    deadlines = RequestDeadlines(limit: options.requestTimeout, rest: options.idleTimeout)
  }

  static func from(_ context: UnsafeMutableRawPointer?) -> ServerContext? {
    unsafe context.map { unsafe Unmanaged<ServerContext>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Answers a request that is complete.
  func answer(_ exchange: Exchange, _ method: String, _ connection: OpaquePointer) -> MHD_Result {
    var compact = [UInt8](repeating: 0, count: 18)
    let size = unsafe apus_mhd_client(connection, &compact)
    var headers: [String: String] = [:]
    for name in options.headers {
      unsafe headers[name] = Self.value(of: name, connection, capacity: options.connectionMemory)
    }
    let request = HTTPRequest(
      method: method, path: exchange.path, query: exchange.query,
      remote: Endpoint(compact: compact.rawBytes, at: 0, isV6: size == 18), headers: headers,
      body: exchange.body)
    let answer = handler(request)
    guard let response = unsafe apus_mhd_response(answer.body, answer.body.count) else { return apus_mhd_no }
    unsafe MHD_add_response_header(response, "Content-Type", answer.contentType)
    for header in answer.headers { unsafe MHD_add_response_header(response, header.name, header.value) }
    let queued = unsafe MHD_queue_response(connection, UInt32(answer.status), response)
    unsafe MHD_destroy_response(response)
    return queued
  }

  private static func value(of name: String, _ connection: OpaquePointer, capacity: Int) -> String? {
    var count = -1
    let text = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, used in
      unsafe buffer.withMemoryRebound(to: CChar.self) { text in
        count = unsafe apus_mhd_header(connection, name, text.baseAddress, text.count)
      }
      used = max(0, count)
    }
    return count < 0 ? nil : String(decoding: text, as: UTF8.self)
  }
}

/// A request while it comes in.
final class Exchange {
  let path: String
  let query: [UInt8]
  var body: [UInt8] = []
  var isHeaderComplete = false

  /// Takes the request's target as it was sent: `/path?query`, or the absolute form that proxies send.
  init(_ target: UnsafeBufferPointer<UInt8>) {
    let mark = unsafe target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
    var path = unsafe String(decoding: target[..<mark], as: UTF8.self)
    if !path.hasPrefix("/") {
      let parts = path.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
      path = parts.count == 3 ? "/" + parts[2].drop { $0 != "/" }.dropFirst() : "/"
    }
    self.path = path
    query = unsafe Array(target[mark...].dropFirst())
  }

  static func from(_ reference: UnsafeMutableRawPointer?) -> Exchange? {
    unsafe reference.map { unsafe Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
  }
}
