public import Addresses

/// One request, complete.
public struct HTTPRequest: Sendable {
  /// `GET`, `HEAD`, `POST` and so on, as sent.
  public let method: String
  /// The path as sent, percent-encoding and all.
  public let path: String
  /// What follows the question mark, byte for byte as sent; empty if there is none.
  public let query: [UInt8]
  /// The other end of the connection.
  public let remote: Endpoint
  /// The headers that the server was told to look at, by the names it was given; values of several fields of one
  /// name are joined by commas.
  public let headers: [String: String]
  /// The body, decoded from chunks if it came so.
  public let body: [UInt8]
}

/// The answer to a request.
public struct HTTPResponse: Sendable {
  /// The status code.
  public var status: Int
  /// Sent as `Content-Type`.
  public var contentType: String
  /// Further headers.
  public var headers: [(name: String, value: String)]
  /// The body; left out for `HEAD`.
  public var body: [UInt8]

  /// An answer.
  public init(
    status: Int = 200, contentType: String, headers: [(name: String, value: String)] = [], body: [UInt8]
  ) {
    self.status = status
    self.contentType = contentType
    self.headers = headers
    self.body = body
  }
}
