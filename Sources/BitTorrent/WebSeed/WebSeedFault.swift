import Transfer

/// Why a web seed does not deliver, and how long it is left alone for.
enum WebSeedFault: Equatable, CustomStringConvertible {
  /// A file is not there; the others may be.
  case absent(file: Int)
  /// The server has too much to do; seconds that it asked for, if it did.
  case busy(status: Int, seconds: Double?)
  /// It will not give what is asked for.
  case refused(status: Int)
  /// The server fails by itself.
  case failing(status: Int)
  /// It sends whole files, whatever is asked for.
  case ignoresRanges
  /// The file, or the part that came, has another length than it must have.
  case wrongLength
  /// Nothing usable came for too long.
  case stalled
  /// The transfer failed.
  case http(HTTPError)
  /// It sent wrong bytes.
  case wrongData

  /// What is left to do.
  enum Remedy {
    /// Nothing: it may be right soon.
    case pause
    /// As the server says.
    case wait(Double)
    /// A person must look at it.
    case setAside
    /// It is not asked again.
    case ban
  }

  var remedy: Remedy {
    switch self {
    case .busy(_, let seconds?): .wait(seconds)
    case .busy, .failing, .stalled: .pause
    case .refused, .ignoresRanges, .wrongLength, .absent: .setAside
    case .wrongData: .ban
    case .http(let error):
      switch error {
      case .invalidURL, .tooManyRedirects, .insecure, .tooLarge: .setAside
      case .cannotResolve, .cannotConnect, .timedOut, .broken, .closed: .pause
      }
    }
  }

  var description: String {
    switch self {
    case .absent: "the content is not there (404)"
    case .busy(let status, _): "the server is busy (\(status))"
    case .refused(let status): "the server refuses (\(status))"
    case .failing(let status): "the server fails (\(status))"
    case .ignoresRanges: "the server sends no parts of files"
    case .wrongLength: "the content has another length"
    case .stalled: "nothing came for too long"
    case .http(let error): error.description
    case .wrongData: "it sent wrong data and is banned"
    }
  }
}
