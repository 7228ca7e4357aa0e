import Glibc
import Threads

/// What the system says about this process.
enum Process {
  /// The command line without the program's name.
  static var arguments: [String] { Array(CommandLine.arguments.dropFirst()) }

  /// The environment's variables; of those given twice, the first.
  static var environment: [String: String] {
    var result: [String: String] = [:]
    var next = unsafe environ
    while let entry = unsafe next.pointee {
      let text = unsafe String(cString: entry)
      if let equals = text.firstIndex(of: "=") {
        let name = String(text[..<equals])
        if result[name] == nil { result[name] = String(text[text.index(after: equals)...]) }
      }
      unsafe next += 1
    }
    return result
  }

  /// Threads worth starting for work that never waits.
  static var processors: Int { Processors.count }

  /// The words of an error number.
  static func message(_ number: Int32) -> String { unsafe String(cString: strerror(number)) }

  /// Seconds since 1970.
  static var unixTime: Int64 { Int64(time(nil)) }
}
