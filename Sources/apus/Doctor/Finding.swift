import JSON

/// One thing that `apus doctor` has looked at.
struct Finding: Sendable, Equatable {
  /// How it is.
  enum Mark: String, Sendable {
    /// As it should be.
    case good = "ok"
    /// Works, but not well, or not for all.
    case poor = "warning"
    /// Does not work.
    case bad = "error"
    /// Could not be looked at, or does not matter here.
    case unknown = "skipped"
  }

  /// What was looked at, in a word.
  let subject: String
  let mark: Mark
  /// What was seen.
  let text: String
  /// What to do; empty if nothing.
  let remedy: String

  init(_ subject: String, _ mark: Mark, _ text: String, remedy: String = "") {
    self.subject = subject
    self.mark = mark
    self.text = text
    self.remedy = remedy
  }

  var json: JSONValue {
    [
      "subject": .string(subject), "result": .string(mark.rawValue), "text": .string(text),
      "remedy": remedy.isEmpty ? .null : .string(remedy),
    ]
  }
}
