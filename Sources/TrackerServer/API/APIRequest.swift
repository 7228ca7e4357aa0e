import Digest
import HTTPServer

/// A request to the JSON API, taken apart.
struct APIRequest {
  let path: [Substring]
  /// Parameters by name, decoded; of equal names the last counts.
  let parameters: [String: String]
  /// Whether it came with the administrator's token.
  let isAdmin: Bool

  init(_ request: HTTPRequest, token: String?) {
    path = request.path.split(separator: "/", omittingEmptySubsequences: true)
    var parameters: [String: String] = [:]
    for part in request.query.split(separator: UInt8(ascii: "&")).prefix(32) {
      let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
      let name = String(decoding: part[..<equals], as: UTF8.self)
      parameters[name] = Self.decoded(part[equals...].dropFirst())
    }
    self.parameters = parameters
    isAdmin = AdminToken.isIn(request, token)
  }

  /// A whole number within bounds; `usual` if there is none, `nil` if it is something else.
  func number(_ name: String, in bounds: ClosedRange<Int>, usual: Int) -> Int? {
    guard let text = parameters[name] else { return usual }
    return Int(text).flatMap { bounds.contains($0) ? $0 : nil }
  }

  private static func decoded(_ text: ArraySlice<UInt8>) -> String {
    var bytes: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      else {
        bytes.append(byte == UInt8(ascii: "+") ? 32 : byte)
        continue
      }
      bytes.append(value)
      rest.removeFirst(2)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
