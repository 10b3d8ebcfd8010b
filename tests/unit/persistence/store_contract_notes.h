/// What every store must do with notes. How to instantiate it: store_contract_backend.h.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store_contract_backend.h"

namespace bluemarble::persistence {

template <typename T>
class StoreContractNotes : public StoreContractBase<T> {
 protected:
  static NoteRow Note(int64_t number, int64_t player_id = 7, std::string text = "hello") {
    NoteRow note;
    note.run = 3;
    note.number = number;
    note.at_us = 1000 + number;
    note.player_id = player_id;
    note.tick = 50;
    note.kind = NoteKind::kChat;
    note.code = 2;
    note.text = std::move(text);
    return note;
  }
  core::Status Write(const std::vector<NoteRow>& notes) {
    CommitReport report;
    return this->store().Commit({.notes = notes}, {}, report);
  }
  std::vector<NoteRow> All() { return this->backend_.Notes({}); }
};
TYPED_TEST_SUITE_P(StoreContractNotes);

TYPED_TEST_P(StoreContractNotes, NotesComeBackAsTheyWereInTheirOrderAfterARestart) {
  std::vector<NoteRow> notes = {this->Note(1), this->Note(2, 8, "it's; DROP TABLE -- \"x\" \\ "),
                                this->Note(3, 7, "\xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x91\x8b"),
                                this->Note(4, 0, ""), this->Note(5, 7, std::string(256, 'x'))};
  notes[3].kind = NoteKind::kConduct;
  notes[4].code = 65535;
  ASSERT_TRUE(this->Write(notes).ok());
  this->backend_.Restart();
  EXPECT_EQ(this->All(), notes);
}

TYPED_TEST_P(StoreContractNotes, ANoteThatIsWrittenAgainIsTheSameOne) {
  ASSERT_TRUE(this->Write({this->Note(1), this->Note(2)}).ok());
  ASSERT_TRUE(this->Write({this->Note(1), this->Note(2, 9, "changed"), this->Note(3)}).ok());
  EXPECT_EQ(this->All(), (std::vector<NoteRow>{this->Note(1), this->Note(2), this->Note(3)}));
}

TYPED_TEST_P(StoreContractNotes, NotesAreCommittedWithTheWritesOfTheirGroup) {
  const std::vector<DurableWrite> writes = {Login(1, "Ada")};
  const std::vector<NoteRow> notes = {this->Note(1)};
  std::vector<WriteResult> results(1);
  CommitReport report;
  ASSERT_TRUE(this->store().Commit({.writes = writes, .notes = notes}, results, report).ok());
  EXPECT_EQ(results[0].outcome, Outcome::kOk);
  EXPECT_EQ(this->All(), notes);
  EXPECT_EQ(this->backend_.AllEvents().size(), 2u);
}

TYPED_TEST_P(StoreContractNotes, ARefusedWriteTakesNoNoteWithIt) {
  const PlayerRow row = this->LoggedIn();
  const std::vector<DurableWrite> writes = {Sample(2, row, 99, 9, 40)};
  const std::vector<NoteRow> notes = {this->Note(1)};
  std::vector<WriteResult> results(1);
  CommitReport report;
  ASSERT_TRUE(this->store().Commit({.writes = writes, .notes = notes}, results, report).ok());
  EXPECT_EQ(results[0].refusal, Refusal::kVersion);
  EXPECT_EQ(this->All(), notes);
}

TYPED_TEST_P(StoreContractNotes, AFencedProcessWritesAndDeletesNoNotes) {
  ASSERT_TRUE(this->Write({this->Note(1)}).ok());
  this->backend_.TakeOver();
  EXPECT_EQ(this->Write({this->Note(2)}).code(), core::Code::kStale);
  EXPECT_EQ(this->store().PurgeNotes(5000, 10).status().code(), core::Code::kStale);
  EXPECT_EQ(this->All().size(), 1u);
}

TYPED_TEST_P(StoreContractNotes, AQueryNarrowsByPlayerKindAndTimeAndGivesTheNewest) {
  std::vector<NoteRow> notes;
  for (int64_t number = 1; number <= 12; ++number) {
    NoteRow& note = notes.emplace_back(this->Note(number, 7 + number % 2));
    if (number % 3 == 0) note.kind = NoteKind::kConduct;
  }
  ASSERT_TRUE(this->Write(notes).ok());
  const auto numbers = [this](const NoteQuery& query) {
    std::vector<int64_t> found;
    for (const NoteRow& note : this->backend_.Notes(query)) found.push_back(note.number);
    return found;
  };
  using Numbers = std::vector<int64_t>;
  EXPECT_EQ(numbers({.player_id = 7}), (Numbers{2, 4, 6, 8, 10, 12}));
  EXPECT_EQ(numbers({.kind = NoteKind::kConduct}), (Numbers{3, 6, 9, 12}));
  EXPECT_EQ(numbers({.player_id = 8, .kind = NoteKind::kConduct}), (Numbers{3, 9}));
  EXPECT_EQ(numbers({.since_us = 1004, .until_us = 1007}), (Numbers{4, 5, 6}));
  EXPECT_EQ(numbers({.player_id = 7, .limit = 2}), (Numbers{10, 12}));
  EXPECT_EQ(numbers({.player_id = 99}), Numbers{});
  EXPECT_EQ(numbers({.player_id = 0}), Numbers{});
}

TYPED_TEST_P(StoreContractNotes, PurgingForgetsOnlyWhatIsOlderAndAtMostTheLimit) {
  ASSERT_TRUE(this->Write({this->Note(1), this->Note(2), this->Note(3), this->Note(4)}).ok());
  EXPECT_EQ(this->store().PurgeNotes(1004, 2).value(), 2u);
  EXPECT_EQ(this->All().size(), 2u);
  EXPECT_EQ(this->store().PurgeNotes(1004, 2).value(), 1u);
  EXPECT_EQ(this->store().PurgeNotes(1004, 2).value(), 0u);
  EXPECT_EQ(this->store().PurgeNotes(0, 2).value(), 0u);
  EXPECT_EQ(this->All(), std::vector<NoteRow>{this->Note(4)});
}

REGISTER_TYPED_TEST_SUITE_P(StoreContractNotes, NotesComeBackAsTheyWereInTheirOrderAfterARestart,
                            ANoteThatIsWrittenAgainIsTheSameOne,
                            NotesAreCommittedWithTheWritesOfTheirGroup,
                            ARefusedWriteTakesNoNoteWithIt, AFencedProcessWritesAndDeletesNoNotes,
                            AQueryNarrowsByPlayerKindAndTimeAndGivesTheNewest,
                            PurgingForgetsOnlyWhatIsOlderAndAtMostTheLimit);

}  // namespace bluemarble::persistence
