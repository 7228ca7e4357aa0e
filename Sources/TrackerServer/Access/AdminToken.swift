import HTTPServer

/// What an administrator proves to be one with: `Authorization: Bearer TOKEN`.
enum AdminToken {
  /// Whether a request carries `token`. Takes the same time wherever two tokens of one length differ.
  static func isIn(_ request: HTTPRequest, _ token: String?) -> Bool {
    guard let token, !token.isEmpty, let header = request.headers["Authorization"] else { return false }
    let scheme = "Bearer "
    guard header.utf8.count > scheme.utf8.count,
      header.prefix(scheme.count).lowercased() == scheme.lowercased()
    else { return false }
    let given = Array(header.utf8.dropFirst(scheme.utf8.count))
    let right = Array(token.utf8)
    guard given.count == right.count else { return false }
    return zip(given, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
