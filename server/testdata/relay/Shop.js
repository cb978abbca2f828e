graphql`
  query ShopQuery($appId: String!) {
    miniProgram(appId: $appId) {
      id
      shops(first: 10) { edges { cursor node { id ...Shop_products } } pageInfo { hasNextPage endCursor } }
    }
  }
`;
graphql`
  fragment Shop_products on Shop
  @argumentDefinitions(count: {type: "Int", defaultValue: 20}, cursor: {type: "String"})
  @refetchable(queryName: "ShopProductsPage") {
    products(first: $count, after: $cursor) @connection(key: "Shop_products") {
      edges { node { id title variants { id sku price { amount currency } stock { available version } } } }
    }
  }
`;
graphql`
  fragment Shop_order on Order @refetchable(queryName: "ShopOrderAgain") { id number status total { amount currency } }
`;
graphql`
  subscription ShopStock($ids: [ID!]!) { stockChanged(variantIds: $ids) { variantId available version } }
`;
graphql`
  mutation ShopPlaceMutation($input: CheckoutPlaceInput!) {
    checkoutPlace(input: $input) {
      checkout { id orders { ...Shop_order } payment { id weChatPay { timeStamp nonceStr package signType paySign } } }
      userErrors { __typename code message field ... on OutOfStockError { shortages { variantId requested available } } }
    }
  }
`;
