import Foundation

/// One HTTP/1.1 request and its answer over a connection of its own.
public struct HTTPExchange: Sendable {
  /// The status code.
  public let status: Int
  /// The header fields, names in lower case.
  public let headers: [String: String]
  /// The whole body.
  public let body: [UInt8]

  /// Sends a request and waits for the whole answer. Blocks: use it in ``onThread(_:)``.
  public init(
    _ method: String, _ path: String, at address: TestAddress, headers extra: [String: String] = [:],
    body content: [UInt8] = []
  ) throws {
    let connection = try Connection(to: address)
    defer { connection.close() }
    var request = "\(method) \(path) HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\n"
    request += "Content-Length: \(content.count)\r\n"
    for (name, value) in extra { request += "\(name): \(value)\r\n" }
    try connection.send(Array((request + "\r\n").utf8) + content)
    var bytes: [UInt8] = []
    while let part = Optional(try connection.receive(upTo: 65536)), !part.isEmpty { bytes += part }
    let separator = Array("\r\n\r\n".utf8)
    guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: separator) }) else {
      throw TestFailure("no HTTP answer from \(address)")
    }
    let lines = String(decoding: bytes[..<end], as: UTF8.self).components(separatedBy: "\r\n")
    status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
        in: .whitespaces)
    }
    headers = fields
    body = Array(bytes[(end + 4)...])
  }
}

/// Reads the head of an HTTP request: the request line's target, or `nil` if the stream ends before.
public func receiveRequestTarget(_ connection: Connection) -> String? {
  var bytes: [UInt8] = []
  let separator = Array("\r\n\r\n".utf8)
  while !bytes.suffix(4).elementsEqual(separator) {
    guard bytes.count < 65536, let part = try? connection.receive(upTo: 4096), !part.isEmpty else {
      return nil
    }
    bytes += part
  }
  let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 2)
  return parts.count == 3 ? String(parts[1]) : nil
}
