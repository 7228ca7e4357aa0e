// HTTPParsing: the heads of HTTP/1.x requests, and what proxies put before them or into them. Sans-I/O: bytes in,
// ranges and small enums out; nothing is allocated. May import Bytes, Addresses and the C library.

import Bytes
private import Glibc

/// The head of a request: its first line and its fields, checked and found, not copied.
///
/// Strict where leniency would let two programs on the way read one stream differently (RFC 9112, section 11.2):
/// lines end in CR LF, names stand right before their colon, no line is folded, a length is said once and one way.
public struct RequestHead: Sendable, Equatable {
  /// The method, as far as it matters here.
  public enum Method: Sendable {
    case get, head, other
  }

  /// The method.
  public let method: Method
  /// Where the target's path is: up to the question mark, percent-encoding and all. Begins with a slash if the
  /// target has the usual form; else it is the absolute form, `*` or whatever the method takes.
  public let path: Range<Int>
  /// What follows the question mark; empty if there is none.
  public let query: Range<Int>
  /// The fields, each with its line's end.
  public let fields: Range<Int>
  /// The end of the head, behind the empty line.
  public let end: Int
  /// Whether the connection stays open after the answer.
  public let isKeptAlive: Bool
  /// Whether it is HTTP/1.1; else 1.0.
  public let isVersion11: Bool
  /// Bytes of body that follow; `nil` if it comes in chunks.
  public let bodySize: Int?

  /// The end of the head that starts at `start`, if it is all here; looks from `position` on, which is `start`
  /// or the number of bytes that were here when it was last looked for. Also ends at bare line feeds, which
  /// `parse` then refuses.
  public static func end(in bytes: RawSpan, from start: Int, searchedTo position: Int) -> Int? {
    unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return nil }
      // The last three bytes may begin what ends now.
      var offset = max(start, position - 3)
      while offset < buffer.count {
        guard let found = unsafe memchr(base + offset, Int32(UInt8.lineFeed), buffer.count - offset) else {
          return nil
        }
        offset = unsafe found - UnsafeMutableRawPointer(mutating: base) + 1
        if offset < buffer.count, unsafe buffer[offset] == .lineFeed { return offset + 1 }
        if offset + 1 < buffer.count, unsafe buffer[offset] == .carriageReturn,
          unsafe buffer[offset + 1] == .lineFeed
        {
          return offset + 2
        }
      }
      return nil
    }
  }
}

/// Why a request is not read any further. The connection is closed after the answer.
public enum RequestHeadFault: Error, Sendable, Equatable, CaseIterable {
  /// The first line is not method, target and version with a space between.
  case line
  /// It is a later major version of HTTP.
  case version
  /// A line ends in LF alone, or a control character is where none may be.
  case control
  /// A field has no colon, no name, or a name with a character that names do not have.
  case fieldName
  /// A field goes on in the next line.
  case folding
  /// HTTP/1.1 without the name of the host, or with several.
  case host
  /// The length of the body is no number, or is given twice, or two ways.
  case length
  /// The body is coded in a way that is not known.
  case coding
  /// More fields than anyone has, or a longer head.
  case size

  /// The status code that says so.
  public var status: Int {
    switch self {
    case .version: 505
    case .coding: 501
    case .size: 431
    default: 400
    }
  }

  /// For people.
  public var reason: StaticString {
    switch self {
    case .line: "the request's first line is malformed"
    case .version: "this is HTTP/1.1"
    case .control: "the request has a control character or a bare line feed"
    case .fieldName: "a header field is malformed"
    case .folding: "a header field is folded"
    case .host: "the host is missing, or named twice"
    case .length: "the request's length is not clear"
    case .coding: "the transfer coding is not known"
    case .size: "the request's head is too large"
    }
  }
}

extension UInt8 {
  static let lineFeed = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  static let space = UInt8(ascii: " ")
}
