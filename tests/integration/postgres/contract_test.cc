/// The store contract against a real PostgreSQL.
#include "unit/persistence/store_contract.h"

#include "postgres_backend.h"
#include "unit/persistence/store_contract_items.h"
#include "unit/persistence/store_contract_notes.h"

namespace bluemarble::persistence {

INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, StoreContract, PostgresBackend);
INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, StoreContractItems, PostgresBackend);
INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, StoreContractNotes, PostgresBackend);

}  // namespace bluemarble::persistence
